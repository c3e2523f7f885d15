//! Why a study has no findings, as one sentence in the user's terms.

use spikegrad_compare::CompareError;
use spikegrad_compare::stochastic::StochasticError;
use spikegrad_compare::time_stepped::GridError;
use spikegrad_report::ReportError;
use spikegrad_train::TrainError;
use thiserror::Error;

/// A study that could not be finished.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StudyError {
    /// The exact engine failed.
    #[error("the exact gradient failed: {0}")]
    Exact(#[from] spikegrad::Error),
    /// The time-stepped baseline failed.
    #[error("the time-stepped network failed: {0}")]
    Grid(#[from] GridError),
    /// The stochastic network failed.
    #[error("the stochastic network failed: {0}")]
    Stochastic(#[from] StochasticError),
    /// There is no exact gradient to compare with.
    #[error(transparent)]
    Compare(Box<CompareError>),
    /// The problem has nothing to differentiate.
    #[error("there is no loss, and so nothing to differentiate; add the key \"loss\"")]
    NoLoss,
    /// Data could not be made, or a run failed.
    #[error(transparent)]
    Train(Box<TrainError>),
    /// A figure could not be drawn.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The numbers have no form in JSON.
    #[error("the findings cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A loop was asked for where there is no plane for it.
    #[error("there is no loop through fewer than two weights")]
    NoPlane,
    /// The configuration that the study starts from is not built in.
    #[error("there is no built-in configuration {name}")]
    NoConfiguration {
        /// Its name.
        name: &'static str,
    },
    /// The study was asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl From<CompareError> for StudyError {
    fn from(error: CompareError) -> Self {
        Self::Compare(Box::new(error))
    }
}

impl From<TrainError> for StudyError {
    fn from(error: TrainError) -> Self {
        Self::Train(Box::new(error))
    }
}
