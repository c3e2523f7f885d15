//! The flows over the stretches and around the moments that come next, computed many at once.
//!
//! Not here: the stretches (`schedule.rs`) and moments (`moments.rs`) themselves.

use super::moments::Moments;
use super::schedule::Schedule;
use spikegrad_dynamics::lanes::{Flows, Numbers, Propagator};

/// Stretches of a window: few, so that their flows stay in the caches, and enough to fill registers.
pub(super) const STRETCHES: usize = 256;

/// What is computed of some stretches, and of the moments in them.
#[derive(Clone, Debug)]
pub(super) struct Window<const K: usize> {
    /// The first of the stretches and of the moments.
    first_stretch: usize,
    first_moment: usize,
    /// Flow over each stretch, where neurons share their motions.
    stretches: Flows<K>,
    /// Flow from each moment to the next one, or to the end of its stretch.
    after: Flows<K>,
    /// Flow from the start of its stretch to each moment.
    before: Flows<K>,
    /// e^p and e^p − 1 over the time since the membrane last started, for each moment.
    decays: Vec<[f64; 2]>,
    /// The numbers of the neuron of each moment, where neurons have their own.
    of_moments: Numbers<K>,
}

impl<const K: usize> Default for Window<K> {
    fn default() -> Self {
        let [stretches, after, before] = [(); 3].map(|()| Flows::default());
        Self {
            first_stretch: 0,
            first_moment: 0,
            stretches,
            after,
            before,
            decays: Vec::new(),
            of_moments: Numbers::default(),
        }
    }
}

impl<const K: usize> Window<K> {
    /// Nothing is known of so many stretches.
    pub(super) fn close(&mut self, stretches: usize) {
        self.first_stretch = stretches;
    }

    /// The first stretch of which the flows are there, of those before the position `end`: they are computed if there are none.
    pub(super) fn open(
        &mut self,
        numbers: &Numbers<K>,
        (schedule, moments): (&Schedule, &Moments),
        end: usize,
        rest: usize,
    ) -> usize {
        if end > self.first_stretch {
            return self.first_stretch;
        }
        let first = end.saturating_sub(STRETCHES);
        let before = moments.list[..rest].partition_point(|moment| moment.stretch < first);
        let Self { stretches, after, before: befores, decays, of_moments, .. } = self;
        let within = before..rest;
        let of_moments = if numbers.share_motions() {
            stretches.set(numbers, &schedule.stretches.lengths[first..end]);
            numbers
        } else {
            let neurons = moments.list[within.clone()].iter().map(|moment| moment.neuron);
            of_moments.gather(numbers, neurons);
            of_moments
        };
        after.set(of_moments, &moments.after[within.clone()]);
        befores.set(of_moments, &moments.before[within.clone()]);
        of_moments.decays(&moments.elapsed[within], decays);
        (self.first_stretch, self.first_moment) = (first, before);
        first
    }

    /// Flows over stretches, and which is the first of these.
    pub(super) fn stretches(&self) -> (usize, &Flows<K>) {
        (self.first_stretch, &self.stretches)
    }

    /// Over the stretch at position `k`.
    pub(super) fn stretch(&self, k: usize) -> Propagator<K> {
        self.stretches.get(k - self.first_stretch)
    }

    /// From the moment at position `k` to the next one, or to the end of its stretch.
    pub(super) fn after(&self, k: usize) -> Propagator<K> {
        self.after.get(k - self.first_moment)
    }

    /// From the start of its stretch to the moment at position `k`.
    pub(super) fn before(&self, k: usize) -> Propagator<K> {
        self.before.get(k - self.first_moment)
    }

    /// e^p and e^p − 1 over the time since the membrane last started, for the moment at position `k`.
    pub(super) fn decay(&self, k: usize) -> [f64; 2] {
        self.decays[k - self.first_moment]
    }
}
