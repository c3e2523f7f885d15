//! The forward pass: from event to event, in continuous time, with no time step.
//!
//! [`simulate`] runs a network and returns its trace; [`simulate_into`] does the same on a prepared [`Circuit`] with the
//! caller's [`Workspace`], for many runs of one network; [`simulate_forward_into`] leaves out what
//! only a backward pass needs. The loop is in `engine.rs`: it finds the next instant at which
//! anything happens, lets all crossings of that instant spike, and then lets all arrivals of that instant act as one.
//!
//! Two other ways find the same spikes, and leave what is out of the ordinary to the loop: [`sweep_into`] in layered networks (`sweep`), [`sparse_into`] in sparse ones with
//! delays (`sparse`).
//!
//! Not here: the motion of a neuron (`spikegrad_dynamics`), gradients (`spikegrad_adjoint`).
//!
//! [`Circuit`]: spikegrad_network::Circuit

mod arrivals;
mod driven;
mod engine;
mod error;
mod observer;
mod pseudospikes;
mod readouts;
mod requests;
mod schedule;
mod sparse;
mod sweep;
mod workspace;

pub use engine::{Options, simulate, simulate_forward_into, simulate_into};
pub use error::SimulateError;
pub use sparse::{SparseWorkspace, is_sparse, sparse_forward_into, sparse_into};
pub use sweep::{
    Sweep, SweepError, SweepWorkspace, are_swept_together, sweep_all_into, sweep_forward_into,
    sweep_into,
};
pub use workspace::Workspace;
