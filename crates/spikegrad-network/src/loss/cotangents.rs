//! Derivatives of a loss with respect to what it reads of a run.

use crate::{ReadoutRequest, Trace};
use spikegrad_dynamics::Scalar;

/// ∂L/∂(what the loss reads).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cotangents<T = f64> {
    /// ∂L/∂t for each spike of the trace, per second.
    pub spikes: Vec<T>,
    /// ∂L/∂(value) for each read-out of the trace.
    pub readouts: Vec<T>,
    /// Spikes at which the value itself has a kink, by their positions in the trace: its derivative is one-sided there.
    pub kinks: Vec<usize>,
    /// For each touch of the trace, whether the value may depend on it (`spikegrad_adjoint::judge_touches`); it may where nothing is
    /// said.
    pub touches: Vec<bool>,
}

impl<T: Scalar> Cotangents<T> {
    /// Nothing matters yet.
    #[must_use]
    pub fn zeros(trace: &Trace<T>) -> Self {
        let mut cotangents =
            Self { spikes: vec![], readouts: vec![], kinks: vec![], touches: vec![] };
        cotangents.reset(trace);
        cotangents
    }

    /// Nothing matters yet, in memory that has been used before.
    pub fn reset(&mut self, trace: &Trace<T>) {
        let zero = T::from(0.0);
        self.spikes.clear();
        self.spikes.resize(trace.spikes.len(), zero);
        self.readouts.clear();
        self.readouts.resize(trace.readouts.len(), zero);
        self.kinks.clear();
        self.touches.clear();
    }
}

impl<T> Cotangents<T> {
    /// Whether the value may depend on the touch at position `touch` of the trace.
    #[must_use]
    pub fn touch_matters(&self, touch: usize) -> bool {
        self.touches.get(touch).copied().unwrap_or(true)
    }

    /// Where a loss writes them.
    pub fn derivatives<'a>(&'a mut self, memory: &'a mut LossMemory<T>) -> Derivatives<'a, T> {
        let Self { spikes, readouts, kinks, .. } = self;
        Derivatives { spikes, readouts, kinks, memory }
    }
}

/// Where a loss writes the derivatives of its value, each with respect to what stands at its place in the observation.
#[derive(Debug)]
pub struct Derivatives<'a, T = f64> {
    /// ∂L/∂t for each spike, per second.
    pub spikes: &'a mut [T],
    /// ∂L/∂(value) for each read-out.
    pub readouts: &'a mut [T],
    /// Takes the positions of spikes at which the value has a kink.
    pub kinks: &'a mut Vec<usize>,
    /// Memory for whatever the loss has to compute on its way.
    pub memory: &'a mut LossMemory<T>,
}

/// What a loss computes on its way, in memory that is used again from sample to sample.
#[derive(Clone, Debug)]
pub struct LossMemory<T = f64> {
    /// Numbers; what stands there means nothing.
    pub numbers: Vec<T>,
    /// What a term of a sum asks for, and its own memory.
    pub(super) of_terms: Option<Box<(Vec<ReadoutRequest>, LossMemory<T>)>>,
}

impl<T> Default for LossMemory<T> {
    fn default() -> Self {
        Self { numbers: Vec::new(), of_terms: None }
    }
}
