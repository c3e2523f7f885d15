//! Why an engine gives no answer, or why a check fails.

use crate::GradientCheck;
use crate::exact::EvaluationError;
use spikegrad_network::NetworkError;
use spikegrad_simulate::SimulateError;
use thiserror::Error;

/// A comparison that could not be made, or that came out badly.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum CompareError {
    /// The engine has no answer to questions of this kind. Ask another one.
    #[error("{engine} has no answer: {reason}")]
    Unsupported {
        /// Name of the engine.
        engine: &'static str,
        /// What it cannot do, and where that was met.
        reason: String,
    },
    /// There is no value, or the exact gradient does not exist.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    /// The parameters do not fit the network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The run could not finish.
    #[error(transparent)]
    Simulate(#[from] SimulateError),
    /// The gradient and the difference quotients differ by more than the tolerance.
    #[error("{0}")]
    Disagrees(Box<GradientCheck>),
}
