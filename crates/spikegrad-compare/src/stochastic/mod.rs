//! The theory of surrogate gradients: what they are the gradient of, and of what they are none.
//!
//! After J. Gygax and F. Zenke, *Elucidating the theoretical underpinnings of surrogate gradient learning in spiking neural
//! networks*, Neural Computation 37, 886 (2025; arXiv:2404.14964), and G. Arya et al., *Automatic differentiation of programs
//! with discrete randomness*, Adv. Neural Inf. Process. Syst. 35 (2022; arXiv:2210.08572).
//!
//! | question | where |
//! | --- | --- |
//! | With what probability does a neuron spike? | [`EscapeNoise`], [`Noise`] |
//! | For one neuron, the surrogate gradient is that of the expected output | [`StochasticNeuron`] |
//! | In a network, what is unbiased, and what does smoothing cost? | [`StochasticProblem`], [`Expectation`] |
//! | Where is the sign of a surrogate gradient wrong? | [`five_weights`] |
//! | Is a field a gradient at all? | [`Circle`], [`running_integral`] |
//! | And the exact gradient of a network whose spikes come and go? | [`integrate`], [`Landscape`] |
//!
//! Stochastic networks are those of [`time_stepped`](crate::time_stepped), with another answer to whether a neuron spikes. Not
//! here: a trainer.

mod derivative;
mod drawing;
mod enumeration;
mod error;
mod escape;
pub mod five_weights;
mod jumps;
mod line_integral;
mod neuron;
#[cfg(test)]
mod tests;

pub use derivative::{StochasticProblem, StochasticRun, Turn};
pub use drawing::{Coupled, Decision, Drawn, uniforms};
pub use enumeration::{Expectation, MAX_DECISIONS};
pub use error::StochasticError;
pub use escape::{EscapeNoise, Noise};
pub use jumps::{Crossing, Landscape, Loop, crossings, integrate};
pub use line_integral::{Circle, running_integral};
pub use neuron::StochasticNeuron;
