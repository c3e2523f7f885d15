//! Other ways to the gradient of a spiking network, to hold the exact one against.
//!
//! [`finite_differences`] knows nothing of an adjoint. It moves one number at a time, and counts a quotient
//! only if the [`Signature`] of the run, the order of events at every neuron, is the same at all its points.
//!
//! [`time_stepped`] is the way most networks are trained: a clock, and surrogate derivatives. [`stochastic`] is the theory of
//! these: escape noise, derivatives of expectations, and line integrals that tell a gradient from what is none.
//!
//! Not here: the exact gradient (`spikegrad_adjoint`); a yardstick shares no formula with what it checks.

mod finite_differences;
mod signature;
pub mod stochastic;
pub mod time_stepped;

pub use finite_differences::{Difference, Differences, RELATIVE_STEP, finite_differences};
pub use signature::Signature;
