//! Why there is no fit.

use spikegrad::{AdjointError, BatchError, Error, NetworkError};
use thiserror::Error;

/// Why there is no fit.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum FitError {
    /// Parameters or targets do not fit the network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The network that the search starts from has no run or no gradient.
    #[error(transparent)]
    Evaluate(Error),
    /// There is no number that the search may change.
    #[error("nothing can be fitted: `trained` names no number of the network")]
    NothingTrained,
    /// Two lists of targets for one population.
    #[error("the population {population:?} has targets twice")]
    Twice {
        /// Its name.
        population: String,
    },
    /// A setting or a target out of its range.
    #[error("`{name}` is {value}; it must be {rule}")]
    Setting {
        /// Which.
        name: &'static str,
        /// What it is.
        value: f64,
        /// What it must be.
        rule: &'static str,
    },
}

impl FitError {
    /// Whether somebody asked for the end.
    pub(crate) fn is_interrupt(&self) -> bool {
        matches!(self, Self::Evaluate(Error::Interrupted))
    }
}

impl From<BatchError> for FitError {
    /// A fit has one sample.
    fn from(error: BatchError) -> Self {
        Self::Evaluate(error.source)
    }
}

impl From<AdjointError> for FitError {
    fn from(error: AdjointError) -> Self {
        Self::Evaluate(error.into())
    }
}
