//! Why there is no stochastic derivative, or no expectation.
//!
//! Not here: what a grid cannot do ([`GridError`], which is passed on).

use crate::time_stepped::GridError;
use thiserror::Error;

/// A stochastic network that cannot be run or enumerated as asked.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum StochasticError {
    /// The network cannot be run on a grid.
    #[error(transparent)]
    Grid(#[from] GridError),
    /// The direction has another shape than the weights. Give one list for each connection, with one entry for each synapse.
    #[error("the direction has not one entry for each weight")]
    Direction,
    /// Too few random numbers. Give one for each spiking neuron and step.
    #[error("{found} uniform numbers were given for {needed} decisions")]
    Uniforms {
        /// Decisions of a run.
        needed: usize,
        /// Numbers given.
        found: usize,
    },
    /// More outcomes than can be gone through. Take fewer neurons or steps.
    #[error(
        "{decisions} decisions have 2^{decisions} outcomes; at most {limit} decisions are enumerated"
    )]
    TooManyDecisions {
        /// Decisions of a run.
        decisions: usize,
        /// The limit.
        limit: usize,
    },
}
