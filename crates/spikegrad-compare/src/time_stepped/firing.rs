//! What a neuron emits at a grid point: the one non-linearity of the network, given from outside.
//!
//! A [`Firing`] is asked for every spiking neuron at every step, in that order, and returns what the neuron sends: 1 or 0 for
//! spikes, any number for soft ones. So the deterministic network, the smooth one that proves the machinery, and stochastic ones
//! (`stochastic/`) are one program. Not here: what follows from a spike (`forward.rs`).

use super::{Run, Surrogate};

/// Decides what a neuron emits.
pub trait Firing {
    /// What `neuron` emits at `step` if its potential is `x` above the threshold.
    fn emit(&mut self, step: usize, neuron: usize, x: f64) -> f64;
}

/// A spike at and above the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold;

impl Firing for Threshold {
    fn emit(&mut self, _: usize, _: usize, x: f64) -> f64 {
        f64::from(u8::from(x >= 0.0))
    }
}

/// A soft spike at every step: then backpropagation with the same surrogate is the exact gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Soft(pub Surrogate);

impl Firing for Soft {
    fn emit(&mut self, _: usize, _: usize, x: f64) -> f64 {
        self.0.soft_spike(x)
    }
}

/// What was emitted in another run of the same network.
#[derive(Clone, Copy, Debug)]
pub struct Replay<'a>(pub &'a Run);

impl Firing for Replay<'_> {
    fn emit(&mut self, step: usize, neuron: usize, _: f64) -> f64 {
        self.0.value_of(step, neuron)
    }
}
