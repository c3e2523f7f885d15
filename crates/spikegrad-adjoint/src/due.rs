//! In which order the events of a trace are gone through backwards: arrivals are regenerated from one cursor for each firing.
//!
//! Not here: what is done at an event (`backward.rs`).

use crate::backward::Sweep;
use ordered_float::OrderedFloat;
use spikegrad_dynamics::{NeuronAdjoint, Scalar};
use spikegrad_network::Time;

/// What happens at an instant, in the order of the forward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Crossing,
    Readout,
    Arrival,
    /// A maximum within a rounding of an arrival, after it.
    Peak,
}

/// (time, round, phase, firing or read-out); the largest is next.
pub(crate) type Due = (OrderedFloat<f64>, u32, Phase, usize);

/// Firings that nothing has been taken back of: the earliest ones, since all are in the order of their times.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Later<T> {
    /// How many, of input spikes and of spikes.
    pub(crate) left: [usize; 2],
    /// None of either kind arrives later after it was fired, in seconds.
    pub(crate) longest_delays: [T; 2],
}

impl<T: Scalar, N: NeuronAdjoint<T>> Sweep<'_, T, N> {
    /// Takes up a firing, with the groups that arrive by `end`, in seconds.
    pub(crate) fn prepare_firing(&mut self, firing: usize, end: f64) {
        let source = match firing.checked_sub(self.inputs()) {
            None => self.trace.stimulus.spikes()[firing].channel,
            Some(spike) => self.circuit.source_of(self.trace.spikes[spike].neuron),
        };
        let mut groups = self.circuit.groups_of(source);
        let (fired_at, _) = self.fired_at(firing);
        while !groups.is_empty()
            && fired_at.after(self.circuit.delay(groups.end - 1)).rounded.re() > end
        {
            groups.end -= 1;
        }
        let kind = usize::from(firing >= self.inputs());
        let longest = &mut self.workspace.later.longest_delays[kind];
        if !groups.is_empty() && longest.re() < self.circuit.delay(groups.end - 1).re() {
            *longest = self.circuit.delay(groups.end - 1);
        }
        self.workspace.cursors.push(groups);
    }

    /// What is due next. Firings are put among what is due when they may be next, and not before, so that few are in order; most inputs come alone.
    pub(crate) fn next(&mut self) -> Option<Due> {
        while let Some((time, kind, firing)) = self.latest(0).max(self.latest(1)) {
            if self.workspace.due.peek().is_some_and(|due| time < due.0) {
                break;
            }
            self.workspace.later.left[kind] -= 1;
            let Some(next) = self.due(firing) else { continue };
            let is_before = |time: OrderedFloat<f64>| time < next.0;
            if self.workspace.due.peek().is_none_or(|due| is_before(due.0))
                && [0, 1].iter().all(|&kind| self.latest(kind).is_none_or(|(t, ..)| is_before(t)))
            {
                return Some(next);
            }
            self.workspace.due.push(next);
        }
        self.workspace.due.pop()
    }

    /// The last of the firings of a kind, inputs or spikes, of which nothing has been taken back, and when it may be due at the latest.
    fn latest(&self, kind: usize) -> Option<(OrderedFloat<f64>, usize, usize)> {
        let Later { left, longest_delays } = self.workspace.later;
        let firing = left[kind].checked_sub(1)? + kind * self.inputs();
        let arrives = self.fired_at(firing).0.after(longest_delays[kind]);
        Some((OrderedFloat(arrives.rounded.re()), kind, firing))
    }

    /// Time and round of a firing.
    pub(crate) fn fired_at(&self, firing: usize) -> (Time<T>, u32) {
        match firing.checked_sub(self.inputs()) {
            None => (self.trace.stimulus.spikes()[firing].time.into(), 0),
            Some(spike) => (self.trace.spikes[spike].at(), self.trace.spikes[spike].round),
        }
    }

    /// When the last group of `firing` that is left arrived; after its first group, when it fired.
    pub(crate) fn due(&self, firing: usize) -> Option<Due> {
        let (fired_at, round) = self.fired_at(firing);
        let groups = &self.workspace.cursors[firing];
        if !groups.is_empty() {
            let time = fired_at.after(self.circuit.delay(groups.end - 1)).rounded.re();
            // What arrives at the instant of its spike does so in the spike's round; all else in the first.
            let round = if time > fired_at.rounded.re() { 0 } else { round };
            return Some((OrderedFloat(time), round, Phase::Arrival, firing));
        }
        let time = OrderedFloat(fired_at.rounded.re());
        (firing >= self.inputs()).then_some((time, round, Phase::Crossing, firing))
    }
}
