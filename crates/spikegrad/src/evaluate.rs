//! The three verbs in one call: simulate, evaluate the loss, walk backwards.
//!
//! Not here: the choice of the engine (`prepared.rs`), the memory of a run (`scratch.rs`), the order of a batch (`batch.rs`).

use crate::batch::Sample;
use crate::error::{BatchError, Error};
use crate::evaluator::Evaluator;
use crate::prepared::Settings;
use spikegrad_adjoint::Certificate;
use spikegrad_network::loss::Loss;
use spikegrad_network::{Gradient, Network, Parameters, ReadoutRequest, Stimulus, Trace};
use spikegrad_simulate::SimulateError;

/// Value, gradient, and what they were read from.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// Value of the loss.
    pub loss: f64,
    /// Its derivative with respect to every number.
    pub gradient: Gradient,
    /// How far the gradient can be trusted.
    pub certificate: Certificate,
    /// The run.
    pub trace: Trace,
    /// Whether the layered sweep did it ([`Evaluator::was_swept`]).
    pub was_swept: bool,
}

/// Returns the value of `loss` and its exact gradient.
///
/// # Errors
/// [`enum@Error`]: parameters that do not fit, a run that cannot finish, a gradient that does not exist.
pub fn value_and_grad(
    network: &Network,
    parameters: &Parameters,
    stimulus: &Stimulus,
    loss: &dyn Loss,
    settings: &Settings,
) -> Result<Evaluation, Error> {
    let mut evaluator = Evaluator::new(network, parameters, *settings)?;
    let mut gradient = evaluator.zero_gradient(parameters);
    let value = evaluator.value_and_grad(stimulus, loss, &mut gradient)?;
    let certificate = evaluator.certificate();
    let was_swept = evaluator.was_swept();
    let trace = evaluator.take_trace();
    Ok(Evaluation { loss: value, gradient, certificate, trace, was_swept })
}

/// Runs a network from time 0 to the end of `stimulus`, on the engine that suits it, and records `readouts`: the first of the three
/// verbs.
///
/// The event loop alone, also on dual numbers, is [`spikegrad_simulate::simulate`].
///
/// # Errors
/// [`SimulateError`]: parameters or read-outs that do not fit, or a run that cannot finish.
///
/// # Examples
/// The three verbs one by one; [`value_and_grad`] is all of them.
/// ```
/// use spikegrad::problem::Problem;
/// use spikegrad::{Evaluate, Grazing, Settings, backward, simulate};
/// let problem = Problem::from_json(br#"{
///   "format": "spikegrad-problem", "version": 1,
///   "network": {
///     "inputs": 1,
///     "populations": [{"name": "out", "size": 2, "model": "li"}],
///     "connections": [{"from": "input", "to": "out", "weights": [[3], [2]]}]
///   },
///   "stimulus": {"t_end": 0.05, "spikes": [[0, 0.001]]},
///   "loss": {"type": "max_voltage_cross_entropy", "population": "out", "label": 0}
/// }"#)?;
/// let Problem { network, parameters, stimulus, document } = &problem;
/// let loss = document.loss.as_ref().unwrap();
///
/// let readouts = loss.readouts(network)?;
/// let trace = simulate(network, parameters, stimulus, &readouts, &Settings::default())?;
/// let (value, cotangents) = loss.evaluate(network, &trace)?;
/// let gradient = backward(network, parameters, &trace, &cotangents, Grazing::Fail)?;
///
/// // The first is to be the highest, and is.
/// let highest: Vec<f64> = trace.readouts.iter().map(|readout| readout.value).collect();
/// assert!(highest[0] > highest[1] && value < 2f64.ln());
/// assert!(gradient.parameters.connections[0].weights[0] < 0.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn simulate(
    network: &Network,
    parameters: &Parameters,
    stimulus: &Stimulus,
    readouts: &[ReadoutRequest],
    settings: &Settings,
) -> Result<Trace, SimulateError> {
    let mut evaluator = Evaluator::new(network, parameters, *settings)?;
    evaluator.simulate(stimulus, readouts)?;
    Ok(evaluator.take_trace())
}

/// Values of a batch, and the sum of its gradients.
#[derive(Clone, Debug)]
pub struct Batch<R> {
    /// Value of the loss of each sample.
    pub losses: Vec<f64>,
    /// Sum over the samples of the derivatives with respect to the parameters.
    pub gradient: Parameters,
    /// What was extracted from the trace of each sample.
    pub extracted: Vec<R>,
}

/// Returns the values of a batch and the sum of their gradients, computed in parallel.
///
/// `extract` may read from each trace what the caller wants to keep of it.
///
/// # Errors
/// [`BatchError`] of the first sample that fails.
pub fn value_and_grad_batch<R: Send>(
    network: &Network,
    parameters: &Parameters,
    samples: &[Sample<'_>],
    settings: &Settings,
    extract: impl Fn(usize, &Trace) -> R + Sync,
) -> Result<Batch<R>, BatchError> {
    let mut evaluator = Evaluator::new(network, parameters, *settings)
        .map_err(|e| BatchError { sample: 0, source: e.into() })?;
    let mut gradient = parameters.zeros_like();
    let results = evaluator.value_and_grad_batch(samples, &mut gradient, extract)?;
    let (losses, extracted) = results.into_iter().unzip();
    Ok(Batch { losses, gradient, extracted })
}

/// Returns the values of a batch without gradients, and what `extract` reads from each trace.
///
/// # Errors
/// [`BatchError`] of the first sample that fails.
pub fn value_batch<R: Send>(
    network: &Network,
    parameters: &Parameters,
    samples: &[Sample<'_>],
    settings: &Settings,
    extract: impl Fn(usize, &Trace) -> R + Sync,
) -> Result<Vec<(f64, R)>, BatchError> {
    let evaluator = Evaluator::new(network, parameters, *settings)
        .map_err(|e| BatchError { sample: 0, source: e.into() })?;
    evaluator.value_batch(samples, extract)
}
