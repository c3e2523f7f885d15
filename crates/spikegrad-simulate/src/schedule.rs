//! What is due next: one candidate crossing a neuron, and one cursor a spike under way.
//!
//! Keys end in an id, so that ties are broken by rule and not by the history of a heap. Times are real parts.
//! Not here: what happens when something is due (`engine.rs`).

use ordered_float::OrderedFloat;
use priority_queue::PriorityQueue;
use rustc_hash::FxHasher;
use spikegrad_network::NeuronId;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::hash::BuildHasherDefault;

/// A spike on its way: the input spikes of a run, then the spikes of its trace, as one sequence.
pub(crate) type Firing = usize;

/// The hasher of the queue's index: cheap, and the same in every run.
type Hasher = BuildHasherDefault<FxHasher>;

/// Candidate crossings and deliveries, by time.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    crossings: PriorityQueue<NeuronId, Reverse<(OrderedFloat<f64>, NeuronId)>, Hasher>,
    deliveries: BinaryHeap<Reverse<(OrderedFloat<f64>, Firing)>>,
}

impl Schedule {
    pub(crate) fn clear(&mut self) {
        self.crossings.clear();
        self.deliveries.clear();
    }

    /// Replaces the candidate of `neuron`.
    pub(crate) fn set_crossing(&mut self, neuron: NeuronId, time: Option<f64>) {
        match time {
            Some(time) => {
                self.crossings.push(neuron, Reverse((OrderedFloat(time), neuron)));
            }
            None => {
                self.crossings.remove(&neuron);
            }
        }
    }

    pub(crate) fn add_delivery(&mut self, time: f64, firing: Firing) {
        self.deliveries.push(Reverse((OrderedFloat(time), firing)));
    }

    /// The earliest candidate.
    pub(crate) fn next_candidate(&self) -> Option<(f64, NeuronId)> {
        self.crossings.peek().map(|(&neuron, Reverse((time, _)))| (time.0, neuron))
    }

    /// Time of the earliest crossing or delivery.
    pub(crate) fn next_time(&self) -> Option<f64> {
        let crossing = self.next_candidate().map(|(time, _)| time);
        let delivery = self.deliveries.peek().map(|Reverse((time, _))| time.0);
        crossing.into_iter().chain(delivery).reduce(f64::min)
    }

    /// Takes a crossing that is due at `time`, in the order of neurons.
    pub(crate) fn take_crossing(&mut self, time: f64) -> Option<NeuronId> {
        let (_, Reverse((due, _))) = self.crossings.peek()?;
        if due.0 > time {
            return None;
        }
        self.crossings.pop().map(|(neuron, _)| neuron)
    }

    /// The first delivery that is due at `time`, in the order of firings.
    pub(crate) fn due_delivery(&self, time: f64) -> Option<Firing> {
        let &Reverse((due, firing)) = self.deliveries.peek()?;
        (due.0 <= time).then_some(firing)
    }

    /// The first delivery is done; its firing has its next one at `next`, later, or none.
    pub(crate) fn put_off_delivery(&mut self, next: Option<f64>) {
        let Some(mut first) = self.deliveries.peek_mut() else { return };
        match next {
            Some(time) => first.0.0 = OrderedFloat(time),
            None => {
                PeekMut::pop(first);
            }
        }
    }
}
