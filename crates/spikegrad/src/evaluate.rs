//! The three verbs in one call: simulate, evaluate the loss, walk backwards.
//!
//! A batch is cut into chunks of a fixed size, whatever the number of threads; each chunk adds up its samples in order, and
//! the chunks are added in order. So the same batch gives the same bits on any machine load.
//!
//! Not here: any of the verbs (`spikegrad_simulate`, `spikegrad_adjoint`), which do not know each other.

use rayon::prelude::*;
use spikegrad_adjoint::{
    AdjointError, BackwardSweepWorkspace, BackwardWorkspace, Certificate, GradientSum, Grazing,
    Loss, backward_into, is_sweepable, sweep_backward_into,
};
use spikegrad_network::{
    Circuit, Gradient, Layers, Network, NetworkError, Parameters, Stimulus, Trace,
};
use spikegrad_simulate::{
    Options, SimulateError, SweepWorkspace, Workspace, simulate_into, sweep_into,
};
use thiserror::Error;

/// Most events a sample unless said otherwise.
pub const DEFAULT_MAX_EVENTS: u64 = 10_000_000;

/// Samples that share a gradient buffer. Large enough to spare additions, small enough to keep all cores busy.
const CHUNK: usize = 8;

/// Which engine does the work. Both give the same answer to rounding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// The layered sweep where the network is layered, the event loop elsewhere.
    #[default]
    Automatic,
    /// The event loop, whatever the network.
    EventLoop,
}

/// How to evaluate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Which engine does the work.
    pub engine: Engine,
    /// Most events, spikes and synaptic arrivals, of one sample.
    pub max_events: u64,
    /// What to do where a spike grazes its threshold.
    pub grazing: Grazing,
}

impl Default for Settings {
    /// [`DEFAULT_MAX_EVENTS`], and an error where the gradient does not exist.
    fn default() -> Self {
        Self { engine: Engine::Automatic, max_events: DEFAULT_MAX_EVENTS, grazing: Grazing::Fail }
    }
}

/// Why there is no value or no gradient.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// The parameters do not fit the network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The simulation could not finish.
    #[error(transparent)]
    Simulate(#[from] SimulateError),
    /// The gradient does not exist.
    #[error(transparent)]
    Adjoint(#[from] AdjointError),
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
    let prepared = Prepared::new(network, parameters, settings)?;
    let circuit = &prepared.circuit;
    let mut sum = GradientSum::new(circuit);
    let mut scratch = Scratch::default();
    let sample = Sample { stimulus, loss };
    let value = scratch.forward(&prepared, sample)?;
    let input_times = scratch.backward(&prepared, sample, &mut sum)?;
    let gradient =
        Gradient { parameters: sum.to_parameters(network, parameters, circuit), input_times };
    let parts = [gradient.parameters.to_vec(), gradient.input_times.clone(), vec![value]];
    let finite = parts.iter().flatten().all(|x| x.is_finite());
    if !finite {
        return Err(AdjointError::NonFiniteLoss.into());
    }
    let certificate = Certificate::new(network, &scratch.trace, settings.grazing);
    Ok(Evaluation { loss: value, gradient, certificate, trace: scratch.trace })
}

/// One stimulus and what its answer is worth.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// The input.
    pub stimulus: &'a Stimulus,
    /// The loss.
    pub loss: &'a dyn Loss,
}

/// Values of a batch, and the sum of its gradients.
#[derive(Clone, Debug)]
pub struct Batch<R> {
    /// Value of the loss of each sample.
    pub losses: Vec<f64>,
    /// Sum over the samples of the derivatives with respect to the parameters.
    pub gradient: Parameters,
    /// What was looked up in the trace of each sample.
    pub looked_up: Vec<R>,
}

/// Returns the values of a batch and the sum of their gradients, computed in parallel.
///
/// `look_up` may read from each trace what the caller wants to keep of it.
///
/// # Errors
/// [`BatchError`] of the first sample that fails.
pub fn value_and_grad_batch<R: Send>(
    network: &Network,
    parameters: &Parameters,
    samples: &[Sample<'_>],
    settings: &Settings,
    look_up: impl Fn(usize, &Trace) -> R + Sync,
) -> Result<Batch<R>, BatchError> {
    let prepared = Prepared::new(network, parameters, settings)
        .map_err(|e| BatchError { sample: 0, source: e.into() })?;
    let circuit = &prepared.circuit;
    let chunk = |(k, chunk): (usize, &[Sample<'_>])| {
        let mut sum = GradientSum::new(circuit);
        let mut scratch = Scratch::default();
        let mut results = Vec::with_capacity(chunk.len());
        for (position, &sample) in (k * CHUNK..).zip(chunk) {
            let failed = |source| BatchError { sample: position, source };
            let value = scratch.forward(&prepared, sample).map_err(failed)?;
            scratch.backward(&prepared, sample, &mut sum).map_err(failed)?;
            if !value.is_finite() {
                return Err(failed(AdjointError::NonFiniteLoss.into()));
            }
            results.push((value, look_up(position, &scratch.trace)));
        }
        Ok((results, sum))
    };
    let chunks: Vec<Result<_, BatchError>> =
        samples.par_chunks(CHUNK).enumerate().map(chunk).collect();
    let mut total = GradientSum::new(circuit);
    let (mut losses, mut looked_up) = (Vec::new(), Vec::new());
    for chunk in chunks {
        let (results, sum) = chunk?;
        for (value, looked) in results {
            losses.push(value);
            looked_up.push(looked);
        }
        total.add(&sum);
    }
    Ok(Batch { losses, gradient: total.to_parameters(network, parameters, circuit), looked_up })
}

/// Returns the values of a batch without gradients, and what `look_up` reads from each trace.
///
/// # Errors
/// [`BatchError`] of the first sample that fails.
pub fn value_batch<R: Send>(
    network: &Network,
    parameters: &Parameters,
    samples: &[Sample<'_>],
    settings: &Settings,
    look_up: impl Fn(usize, &Trace) -> R + Sync,
) -> Result<Vec<(f64, R)>, BatchError> {
    let prepared = Prepared::new(network, parameters, settings)
        .map_err(|e| BatchError { sample: 0, source: e.into() })?;
    let chunk = |(k, chunk): (usize, &[Sample<'_>])| {
        let mut scratch = Scratch::default();
        let one = |(position, &sample): (usize, &Sample<'_>)| {
            let value = scratch.forward(&prepared, sample);
            let value = value.map_err(|source| BatchError { sample: position, source })?;
            Ok((value, look_up(position, &scratch.trace)))
        };
        (k * CHUNK..).zip(chunk).map(one).collect::<Vec<_>>()
    };
    samples.par_chunks(CHUNK).enumerate().flat_map_iter(chunk).collect()
}

/// A network ready to be run.
#[derive(Debug)]
struct Prepared<'a> {
    network: &'a Network,
    circuit: Circuit,
    /// Set if the layered sweep does the work.
    layers: Option<Layers>,
    settings: &'a Settings,
}

impl<'a> Prepared<'a> {
    fn new(
        network: &'a Network,
        parameters: &Parameters,
        settings: &'a Settings,
    ) -> Result<Self, NetworkError> {
        let circuit = Circuit::new(network, parameters)?;
        let layers = match settings.engine {
            Engine::Automatic => Layers::new(network, &circuit).ok(),
            Engine::EventLoop => None,
        };
        Ok(Self { network, circuit, layers, settings })
    }
}

/// Memory that one thread uses again for each sample.
#[derive(Debug, Default)]
struct Scratch {
    forward: Workspace,
    forward_sweep: SweepWorkspace,
    backward: BackwardWorkspace,
    backward_sweep: BackwardSweepWorkspace,
    trace: Trace,
    cotangents: Option<spikegrad_adjoint::Cotangents>,
}

impl Scratch {
    fn forward(&mut self, prepared: &Prepared<'_>, sample: Sample<'_>) -> Result<f64, Error> {
        let Prepared { network, circuit, layers, settings } = prepared;
        let options =
            Options { max_events: settings.max_events, readouts: sample.loss.readouts(network) };
        let Self { forward, forward_sweep, trace, .. } = self;
        let stimulus = sample.stimulus;
        let swept = layers.as_ref().is_some_and(|layers| {
            sweep_into(circuit, layers, stimulus, &options, forward_sweep, trace).is_ok()
        });
        if !swept {
            simulate_into(circuit, stimulus, &options, forward, trace)?;
        }
        let (value, cotangents) = sample.loss.evaluate(network, trace);
        self.cotangents = Some(cotangents);
        Ok(value)
    }

    fn backward(
        &mut self,
        prepared: &Prepared<'_>,
        sample: Sample<'_>,
        sum: &mut GradientSum,
    ) -> Result<Vec<f64>, Error> {
        let Prepared { network, circuit, layers, settings } = prepared;
        let Self { backward, backward_sweep, trace, .. } = self;
        let cotangents = match self.cotangents.take() {
            Some(cotangents) => cotangents,
            None => sample.loss.evaluate(network, trace).1,
        };
        let policy = settings.grazing;
        Ok(match layers {
            Some(layers) if is_sweepable(trace) => sweep_backward_into(
                circuit,
                layers,
                trace,
                &cotangents,
                policy,
                backward_sweep,
                sum,
            )?,
            _ => backward_into(circuit, trace, &cotangents, policy, backward, sum)?,
        })
    }
}
