//! When neurons have to be looked at, however many there are: a heap for the days ahead, lists for later ones.
//!
//! Most entries are replaced by others before they are due, so nothing is ever taken out of the middle: who takes an entry asks whether it still holds. Not here: who
//! is looked at, and why (`part.rs`).

use ordered_float::OrderedFloat;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Lists ahead. What is later than all of them waits in the last one, and is then put off again.
const LISTS: usize = 512;

/// Neurons by the time at which each is due, then by their positions.
#[derive(Clone, Debug, Default)]
pub(super) struct Calendar {
    /// Length of time of a list, in seconds.
    width: f64,
    /// Which list is the first that has not been sorted; before it is the heap's time.
    next: usize,
    lists: Vec<Vec<(f64, usize)>>,
    /// Memory of the list that is being sorted.
    opened: Vec<(f64, usize)>,
    /// How many entries the lists hold.
    waiting: usize,
    heap: BinaryHeap<Reverse<(OrderedFloat<f64>, usize)>>,
}

impl Calendar {
    /// Forgets everything. Lists are `width` seconds long.
    pub(super) fn clear(&mut self, width: f64) {
        (self.width, self.next, self.waiting) = (width, 0, 0);
        self.lists.resize(LISTS, Vec::new());
        self.lists.iter_mut().for_each(Vec::clear);
        self.heap.clear();
    }

    /// `neuron` is due at `time`, which is finite.
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a list is counted down to an integer, at most as many as a run has"
    )]
    pub(super) fn add(&mut self, time: f64, neuron: usize) {
        // Rounding is monotone, so that whoever is due earlier never stands in a later list. A list that does not exist is a number too large.
        let list = (time / self.width) as usize;
        if list < self.next {
            self.heap.push(Reverse((OrderedFloat(time), neuron)));
        } else {
            let list = list.min(self.next + LISTS - 1);
            self.lists[list % LISTS].push((time, neuron));
            self.waiting += 1;
        }
    }

    /// Who is due first, and when. What does not hold any more, as `holds` says, is dropped on the way.
    pub(super) fn first(
        &mut self,
        mut holds: impl FnMut(f64, usize) -> bool,
    ) -> Option<(f64, usize)> {
        loop {
            match self.heap.peek() {
                Some(&Reverse((OrderedFloat(time), neuron))) if holds(time, neuron) => {
                    return Some((time, neuron));
                }
                Some(_) => {
                    self.heap.pop();
                }
                None if self.waiting == 0 => return None,
                None => self.open(&mut holds),
            }
        }
    }

    /// Takes out who is due first.
    pub(super) fn pop(&mut self) {
        self.heap.pop();
    }

    /// Sorts what holds of the next list.
    fn open(&mut self, mut holds: impl FnMut(f64, usize) -> bool) {
        let place = self.next % LISTS;
        self.next += 1;
        let mut opened = std::mem::take(&mut self.opened);
        std::mem::swap(&mut self.lists[place], &mut opened);
        self.waiting -= opened.len();
        // What is later than all lists goes to the last, which is now this one.
        let held = opened.drain(..).filter(|&(time, neuron)| holds(time, neuron));
        held.for_each(|(time, neuron)| self.add(time, neuron));
        self.opened = opened;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_by_time_then_neuron_and_only_those_that_hold() {
        let mut calendar = Calendar::default();
        for width in [1e-3, 1.0, 1e3] {
            calendar.clear(width);
            let times = [5.0, 0.25, 700.0, 0.25, 0.2501, 600.0, 0.0, 5.0];
            for (neuron, &time) in times.iter().enumerate() {
                calendar.add(time, neuron);
            }
            let mut order = Vec::new();
            while let Some((time, neuron)) = calendar.first(|_, neuron| neuron != 3) {
                calendar.pop();
                order.push(neuron);
                if neuron == 1 {
                    calendar.add(time, 8);
                }
            }
            assert_eq!(order, [6, 1, 8, 4, 0, 7, 5, 2], "{width}");
        }
    }
}
