//! A network that is run with other numbers again and again, and differentiated with respect to them.
//!
//! Not here: what is read of a run (`spike_times.rs`, `potentials.rs`).

use crate::error::FitError;
use crate::numbers::Numbers;
use nalgebra::DVector;
use spikegrad::{
    Cotangents, Evaluator, Network, NetworkError, Parameters, ReadoutRequest, Run, Settings,
    Stimulus,
};

/// A network, its input, and which of its numbers may change.
pub(crate) struct Runs<'a> {
    /// Those of the last run.
    pub(crate) parameters: Parameters,
    evaluator: Evaluator,
    pub(crate) numbers: &'a Numbers,
    pub(crate) stimulus: &'a Stimulus,
    requests: Vec<ReadoutRequest>,
}

impl<'a> Runs<'a> {
    /// A network that starts with `parameters`; each run records what `requests` ask for.
    pub(crate) fn new(
        network: &Network,
        parameters: Parameters,
        numbers: &'a Numbers,
        stimulus: &'a Stimulus,
        requests: Vec<ReadoutRequest>,
        settings: Settings,
    ) -> Result<Self, NetworkError> {
        let evaluator = Evaluator::new(network, &parameters, settings)?;
        Ok(Self { parameters, evaluator, numbers, stimulus, requests })
    }

    /// The run in which the numbers have moved by `x`.
    pub(crate) fn run(&mut self, x: &DVector<f64>) -> Result<Run, FitError> {
        self.numbers.write(x, &mut self.parameters);
        self.evaluator.set_parameters(&self.parameters)?;
        Ok(self.evaluator.run(std::slice::from_ref(self.stimulus), &self.requests)?)
    }

    /// The derivatives with respect to the numbers, of what has these with respect to the last run.
    pub(crate) fn row(&self, run: &Run, cotangents: Cotangents) -> Result<Vec<f64>, FitError> {
        let gradient = run.backward(&[cotangents])?.parameters;
        Ok(self.numbers.of_gradient(&gradient, &self.parameters))
    }
}
