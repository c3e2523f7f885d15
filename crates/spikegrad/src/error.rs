//! What can go wrong with an evaluation: what the network, the run or the gradient says, and of which sample.
//!
//! Not here: the words (each crate has its own).

use spikegrad_adjoint::AdjointError;
use spikegrad_network::NetworkError;
use spikegrad_network::loss::LossError;
use spikegrad_simulate::SimulateError;
use thiserror::Error;

/// Why there is no value or no gradient.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// The parameters or a direction do not fit the network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The simulation could not finish.
    #[error(transparent)]
    Simulate(SimulateError),
    /// The loss has no value.
    #[error(transparent)]
    Loss(#[from] LossError),
    /// The gradient does not exist.
    #[error(transparent)]
    Adjoint(AdjointError),
    /// Somebody asked for the end ([`crate::Interrupt`]).
    #[error("the evaluation was interrupted")]
    Interrupted,
}

impl From<SimulateError> for Error {
    fn from(error: SimulateError) -> Self {
        if error == SimulateError::Interrupted { Self::Interrupted } else { Self::Simulate(error) }
    }
}

impl From<AdjointError> for Error {
    fn from(error: AdjointError) -> Self {
        if error == AdjointError::Interrupted { Self::Interrupted } else { Self::Adjoint(error) }
    }
}

/// An [`enum@Error`] of one sample of a batch.
#[derive(Clone, Debug, Error, PartialEq)]
#[error("sample {sample}: {source}")]
pub struct BatchError {
    /// Position in the batch.
    pub sample: usize,
    /// What went wrong.
    pub source: Error,
}
