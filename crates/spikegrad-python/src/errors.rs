//! What goes wrong, as Python's exceptions: which class, and where.
//!
//! The classes are Python's own (`python/spikegrad/_errors.py`), because some are two things at once, such as a `SpikegradError` that is a `ValueError`. Not
//! here: the sentences, which are the library's.

use pyo3::prelude::*;
use spikegrad::problem::ProblemError;
use spikegrad::{AdjointError, BatchError, Error, LossError, NetworkError, SimulateError};
use spikegrad_fit::FitError;
use spikegrad_nir::NirError;
use spikegrad_train::TrainError;

/// An exception to be raised, which can be made without the interpreter.
#[derive(Debug)]
pub(crate) struct Failure {
    class: &'static str,
    message: String,
    place: Option<String>,
    sample: Option<usize>,
}

impl Failure {
    fn new(class: &'static str, message: impl ToString, place: Option<String>) -> Self {
        Self { class, message: message.to_string(), place, sample: None }
    }

    /// An argument that cannot be used.
    pub(crate) fn input(argument: impl Into<String>, what: impl std::fmt::Display) -> Self {
        let place = argument.into();
        Self::new("InputError", format!("{place} {what}"), Some(place))
    }

    /// An argument of a type that cannot be used.
    pub(crate) fn dtype(argument: &str, what: impl std::fmt::Display) -> Self {
        Self { class: "DtypeError", ..Self::input(argument, what) }
    }

    /// The same of one sample of a batch.
    pub(crate) fn of_sample(self, sample: usize) -> Self {
        let message = format!("sample {sample}: {}", self.message);
        Self { message, sample: Some(sample), ..self }
    }

    /// A network that cannot be.
    pub(crate) fn network(place: String, what: String) -> Self {
        Self::new("NetworkError", format!("{place} {what}"), Some(place))
    }

    /// A problem without what is asked of it.
    pub(crate) fn problem(place: &str, what: &str) -> Self {
        Self::new("ProblemError", format!("{place} {what}"), Some(place.into()))
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        let Failure { class, message, place, sample } = failure;
        Python::attach(|py| {
            let make = || {
                let class = py.import("spikegrad._errors")?.getattr(class)?;
                class.call1((message, place, sample))
            };
            make().map_or_else(|error| error, Self::from_value)
        })
    }
}

impl From<NirError> for Failure {
    fn from(error: NirError) -> Self {
        let place = match &error {
            NirError::Part { place, .. }
            | NirError::Found { place, .. }
            | NirError::Spikes { place, .. } => Some(place),
            NirError::Field { node, .. }
            | NirError::Kind { node, .. }
            | NirError::NoCounterpart { node, .. }
            | NirError::Nesting { node, .. }
            | NirError::Twice { node, .. }
            | NirError::Ends { node, .. }
            | NirError::Size { node, .. }
            | NirError::Shape { node, .. }
            | NirError::Unknown { node, .. }
            | NirError::Neuron { node, .. }
            | NirError::LinearLoop { node, .. }
            | NirError::Paths { node, .. }
            | NirError::DelayBetween { node, .. }
            | NirError::Synapses { node, .. }
            | NirError::Potential { node, .. } => Some(node),
            NirError::Population { population, .. } => Some(population),
            _ => None,
        };
        Self::new("NirError", &error, place.cloned())
    }
}

impl From<NetworkError> for Failure {
    fn from(error: NetworkError) -> Self {
        Self::new("NetworkError", &error, error.place())
    }
}

impl From<ProblemError> for Failure {
    fn from(error: ProblemError) -> Self {
        let place = match &error {
            ProblemError::Json { place, .. } => {
                Some(place.clone()).filter(|place| !matches!(place.as_str(), "" | "." | "?"))
            }
            ProblemError::Network(error) => error.place(),
            ProblemError::Parameter { place, key, .. } => Some(format!("{place}.{key}")),
            _ => None,
        };
        Self::new("ProblemError", error, place)
    }
}

impl From<SimulateError> for Failure {
    fn from(error: SimulateError) -> Self {
        let place = match &error {
            SimulateError::Network(error) => return error.clone().into(),
            SimulateError::Zeno { neuron, .. }
            | SimulateError::NonFinite { neuron, .. }
            | SimulateError::NextSpike { neuron, .. }
            | SimulateError::Measure { neuron }
            | SimulateError::Current { neuron } => Some(neuron.to_string()),
            _ => None,
        };
        Self::new("SimulationError", error, place)
    }
}

impl From<AdjointError> for Failure {
    fn from(error: AdjointError) -> Self {
        let place = match &error {
            AdjointError::Network(error) => return error.clone().into(),
            AdjointError::Grazing { neuron, .. } | AdjointError::NonFinite { neuron, .. } => {
                Some(neuron.to_string())
            }
            AdjointError::NonFiniteGradient { place, .. } => Some(place.clone()),
            _ => None,
        };
        Self::new("GradientError", error, place)
    }
}

impl From<LossError> for Failure {
    fn from(error: LossError) -> Self {
        match error {
            LossError::Network(error) => error.into(),
            other => Self::new("GradientError", other, None),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Network(error) => error.into(),
            Error::Simulate(error) => error.into(),
            Error::Loss(error) => error.into(),
            Error::Adjoint(error) => error.into(),
            other => Self::new("SpikegradError", other, None),
        }
    }
}

impl From<BatchError> for Failure {
    fn from(error: BatchError) -> Self {
        let BatchError { sample, source } = error;
        Self::from(source).of_sample(sample)
    }
}

impl From<FitError> for Failure {
    fn from(error: FitError) -> Self {
        let argument = match error {
            FitError::Network(error) => return error.into(),
            FitError::Evaluate(error) => return error.into(),
            FitError::Setting { name, .. } => name,
            FitError::NothingTrained => "trained",
            _ => "targets",
        };
        Self::new("InputError", error, Some(argument.into()))
    }
}

impl From<TrainError> for Failure {
    fn from(error: TrainError) -> Self {
        let place = match &error {
            TrainError::InvalidSetting { key, .. }
            | TrainError::UnknownSetting { key, .. }
            | TrainError::MissingSetting { key }
            | TrainError::MistypedSetting { key, .. } => Some(key.clone()),
            _ => None,
        };
        Self::new("TrainingError", error, place)
    }
}
