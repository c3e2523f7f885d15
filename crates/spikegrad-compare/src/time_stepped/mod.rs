//! The time-stepped baseline: a clock-driven network, and backpropagation through time with surrogate derivatives.
//!
//! This is how networks are run by users of snnTorch, norse and `SpikingJelly`, with exact motion between grid points, the losses
//! and parameters of this workspace, and gradients in the same shape, so that a comparison is one of methods. Start with
//! [`SteppedNetwork`], [`SteppedSettings`] and [`SteppedNetwork::value_and_grad_batch`]. What the network emits is decided by a
//! [`Firing`], what stands for its derivative by a [`SpikeDerivative`]: with soft spikes and their own derivative the backward
//! pass is exact, which is how it is tested; with escape noise it is the stochastic network of [`stochastic`](crate::stochastic).
//!
//! ```text
//! stored for the way back, a sample    8 (1 or 2) neurons (steps + 1) bytes, 2 if time constants are learned;
//!                                     12 bytes a spike, of inputs too, and 16 bytes a step
//! ```
//!
//! A grid does any topology, delays rounded to the grid, and any time constants; no refractory times, and no loss that pairs
//! spikes with targets ([`GridError`]). Not here: anything exact (`spikegrad_adjoint`), a training loop (`spikegrad_train`).

mod activity;
mod backward;
mod batch;
mod error;
mod firing;
mod forward;
mod loss;
mod network;
mod surrogate;
#[cfg(test)]
mod tests;
mod wiring;

pub use activity::{Activity, Side};
pub use backward::{BackwardMemory, Reading, SteppedSum};
pub use batch::{GridBatch, GridMemory, GridSample, GridValue};
pub use error::GridError;
pub use firing::{Firing, Replay, Soft, Threshold};
pub use forward::Run;
pub use loss::{Cotangents, GridLoss, View, grid_loss_of, shaped_scores};
pub use network::{MAX_STEPS, Reset, SteppedNetwork, SteppedSettings};
pub use surrogate::{Height, Shape, SpikeDerivative, Surrogate};
