//! One network, evaluated again and again: laid out once, in memory that is used again.
//!
//! Here the engine is chosen. The layered sweep does the work where the network is layered; a run in which something out of
//! the ordinary happens, and every other network, is the event loop's. Not here: batches (`batch.rs`), any of the verbs.

use crate::Error;
use crate::batch::Worker;
use spikegrad_adjoint::{
    AdjointError, BackwardSweepWorkspace, BackwardWorkspace, Certificate, Cotangents,
    Differentiated, GradientSum, Grazing, Loss, backward_with_input_times, is_sweepable,
    judge_touches, sweep_backward_into,
};
use spikegrad_network::{
    Circuit, Gradient, Layers, Network, NetworkError, NotLayered, Parameters, ReadoutRequest,
    Stimulus, Trace,
};
use spikegrad_simulate::{
    Options, SimulateError, SweepError, SweepWorkspace, Workspace, simulate_forward_into,
    simulate_into, sweep_forward_into, sweep_into,
};
use std::fmt;

/// Most events a sample unless said otherwise.
pub const DEFAULT_MAX_EVENTS: u64 = 10_000_000;

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
    ///
    /// It bounds the memory of a run, too, which grows with its spikes and not with its arrivals or its length. At its peak a spike takes 72
    /// bytes in the event loop and up to 180 in the layered sweep, with its gradient 128 and up to 340
    /// (`cargo run --release -p spikegrad-bench --example spike_memory`); a run that spends [`DEFAULT_MAX_EVENTS`] on nothing but
    /// spikes takes up to 1.8 GB, and 3.4 GB with its gradient, for each thread of a batch.
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

/// Why a network is worked off as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Layered,
    Asked,
    NotLayered(NotLayered),
}

/// Which engine works off a network, and why: in one sentence, if displayed.
#[derive(Clone, Copy, Debug)]
pub struct Explanation<'a> {
    network: &'a Network,
    reason: Reason,
}

impl Explanation<'_> {
    /// Whether it is the layered sweep.
    #[must_use]
    pub fn is_swept(&self) -> bool {
        self.reason == Reason::Layered
    }
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            Reason::Layered => f.write_str(
                "layered sweep: every connection is dense with one delay, and populations hear only earlier ones and themselves",
            ),
            Reason::Asked => f.write_str("event loop: it was asked for"),
            Reason::NotLayered(why) => write!(f, "event loop: {}", why.describe(self.network)),
        }
    }
}

/// Says which engine works off a network, and why.
///
/// # Errors
/// [`NetworkError`] if the parameters do not fit.
///
/// # Examples
/// ```
/// use spikegrad::problem::Problem;
/// use spikegrad::{Settings, explain};
/// let problem = Problem::from_json(br#"{
///   "format": "spikegrad-problem", "version": 1,
///   "network": {
///     "inputs": 1,
///     "populations": [{"name": "out", "size": 2, "model": "lif"}],
///     "connections": [{"from": "input", "to": "out", "synapses": [{"pre": 0, "post": 1, "weight": 5}]}]
///   },
///   "stimulus": {"t_end": 0.02, "spikes": []}
/// }"#)?;
/// let explanation = explain(&problem.network, &problem.parameters, &Settings::default())?;
/// assert_eq!(explanation.to_string(), "event loop: the connection from input to out is sparse");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn explain<'a>(
    network: &'a Network,
    parameters: &Parameters,
    settings: &Settings,
) -> Result<Explanation<'a>, NetworkError> {
    Ok(Prepared::new(network, parameters, *settings)?.explanation())
}

/// A network ready to be run.
#[derive(Debug)]
pub(crate) struct Prepared<'a> {
    pub(crate) network: &'a Network,
    pub(crate) circuit: Circuit,
    /// Set if the layered sweep does the work.
    layers: Option<Layers>,
    reason: Reason,
    settings: Settings,
}

/// The layers of a network that is to be swept, and why it is or is not.
fn choose(network: &Network, circuit: &Circuit, settings: Settings) -> (Option<Layers>, Reason) {
    match settings.engine {
        Engine::EventLoop => (None, Reason::Asked),
        Engine::Automatic => match Layers::new(network, circuit) {
            Ok(layers) => (Some(layers), Reason::Layered),
            Err(why) => (None, Reason::NotLayered(why)),
        },
    }
}

impl<'a> Prepared<'a> {
    pub(crate) fn new(
        network: &'a Network,
        parameters: &Parameters,
        settings: Settings,
    ) -> Result<Self, NetworkError> {
        let circuit = Circuit::new(network, parameters)?;
        let (layers, reason) = choose(network, &circuit, settings);
        Ok(Self { network, circuit, layers, reason, settings })
    }

    fn explanation(&self) -> Explanation<'a> {
        Explanation { network: self.network, reason: self.reason }
    }
}

/// One of two ways back.
#[derive(Clone, Copy, Debug)]
enum Backward {
    Sweep,
    EventByEvent,
}

/// Memory of a sample, to be used again.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    forward: Workspace,
    forward_sweep: SweepWorkspace,
    backward: BackwardWorkspace,
    backward_sweep: BackwardSweepWorkspace,
    options: Option<Options>,
    cotangents: Cotangents,
    /// Whether the layered sweep did the last run.
    was_swept: bool,
    /// What went the way back of the last run, if anything did.
    last_backward: Option<Backward>,
    pub(crate) trace: Trace,
    pub(crate) input_times: Vec<f64>,
}

impl Scratch {
    /// Runs a sample, whose trace can be differentiated if `for_gradient`.
    fn run(
        &mut self,
        prepared: &Prepared<'_>,
        stimulus: &Stimulus,
        for_gradient: bool,
        request: impl FnOnce(&mut Vec<ReadoutRequest>),
    ) -> Result<(), SimulateError> {
        let Prepared { circuit, layers, settings, .. } = prepared;
        // What was said of the last run does not hold any more.
        self.last_backward = None;
        self.cotangents.reset(&Trace::default());
        let Self { forward, forward_sweep, trace, options, was_swept, .. } = self;
        let options =
            options.get_or_insert_with(|| Options { max_events: 0, readouts: Vec::new() });
        options.max_events = settings.max_events;
        options.readouts.clear();
        request(&mut options.readouts);
        let sweep = if for_gradient { sweep_into } else { sweep_forward_into };
        *was_swept = false;
        if let Some(layers) = layers {
            match sweep(circuit, layers, stimulus, options, forward_sweep, trace) {
                Ok(()) => {
                    *was_swept = true;
                    return Ok(());
                }
                Err(SweepError::Simulate(error)) => return Err(error),
                // Whatever else it may be: the event loop knows every run.
                Err(_) => {}
            }
        }
        if for_gradient {
            simulate_into(circuit, stimulus, options, forward, trace)
        } else {
            simulate_forward_into(circuit, stimulus, options, forward, trace)
        }
    }

    /// Value of the loss of a sample, and the derivatives with respect to what it reads.
    pub(crate) fn forward(
        &mut self,
        prepared: &Prepared<'_>,
        stimulus: &Stimulus,
        loss: &dyn Loss,
        for_gradient: bool,
    ) -> Result<f64, Error> {
        let network = prepared.network;
        loss.check(network)?;
        self.run(prepared, stimulus, for_gradient, |requests| loss.request(network, requests))?;
        self.cotangents.reset(&self.trace);
        let value = loss.evaluate_into(network, &self.trace, &mut self.cotangents);
        judge_touches(network, &prepared.circuit, &self.trace, loss, &mut self.cotangents);
        if value.is_finite() { Ok(value) } else { Err(AdjointError::NonFiniteLoss.into()) }
    }

    /// Adds the gradient of the sample that was run last to `sum`; that of the input times stands in `input_times`.
    pub(crate) fn backward(
        &mut self,
        prepared: &Prepared<'_>,
        sum: &mut GradientSum,
    ) -> Result<(), AdjointError> {
        let Prepared { circuit, layers, settings, .. } = prepared;
        let Self { backward, backward_sweep, trace, cotangents, input_times, .. } = self;
        let policy = settings.grazing;
        let way = match layers {
            Some(layers) if is_sweepable(circuit, trace) => {
                let workspace = backward_sweep;
                sweep_backward_into(circuit, layers, trace, cotangents, policy, workspace, sum)?;
                input_times.clear();
                input_times.extend_from_slice(workspace.input_times());
                Backward::Sweep
            }
            _ => {
                backward_with_input_times(
                    circuit,
                    trace,
                    cotangents,
                    policy,
                    backward,
                    sum,
                    input_times,
                )?;
                Backward::EventByEvent
            }
        };
        self.last_backward = Some(way);
        Ok(())
    }

    /// ∂L/∂t of each spike of the last run; nothing, if it was not differentiated.
    fn spike_times(&self) -> &[f64] {
        match self.last_backward {
            None => &[],
            Some(Backward::Sweep) => self.backward_sweep.spike_times(),
            Some(Backward::EventByEvent) => self.backward.spike_times(),
        }
    }
}

/// A network ready to be run, with the memory that its runs need: after the first runs of a kind, nothing is allocated.
///
/// # Examples
/// ```
/// use spikegrad::problem::Problem;
/// use spikegrad::{Evaluator, Settings, loss_of};
/// let problem = Problem::from_json(br#"{
///   "format": "spikegrad-problem", "version": 1,
///   "network": {
///     "inputs": 1,
///     "populations": [{"name": "out", "size": 1, "model": "lif"}],
///     "connections": [{"from": "input", "to": "out", "weights": [[20]]}]
///   },
///   "stimulus": {"t_end": 0.02, "spikes": [[0, 0.0]]},
///   "loss": {"type": "spike_time_mse", "population": "out", "targets": [[0.0]]}
/// }"#)?;
/// let loss = loss_of(problem.document.loss.as_ref().unwrap(), &problem.network);
/// let mut parameters = problem.parameters.clone();
/// let mut evaluator = Evaluator::new(&problem.network, &parameters, Settings::default())?;
/// let mut gradient = evaluator.zero_gradient(&parameters);
/// let before = evaluator.value_and_grad(&problem.stimulus, &*loss, &mut gradient)?;
/// // Downhill is towards an earlier spike: a larger weight.
/// parameters.connections[0].weights[0] -= 1e6 * gradient.parameters.connections[0].weights[0];
/// evaluator.set_parameters(&parameters)?;
/// assert!(evaluator.value(&problem.stimulus, &*loss)? < before);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Evaluator<'a> {
    pub(crate) prepared: Prepared<'a>,
    scratch: Scratch,
    pub(crate) sum: GradientSum,
    /// For batches.
    pub(crate) workers: Vec<Worker>,
    /// Whether the last batch failed, and left sums in its workers.
    pub(crate) is_dirty: bool,
}

impl<'a> Evaluator<'a> {
    /// Lays the network out.
    ///
    /// # Errors
    /// [`NetworkError`] if the parameters do not fit.
    pub fn new(
        network: &'a Network,
        parameters: &Parameters,
        settings: Settings,
    ) -> Result<Self, NetworkError> {
        let prepared = Prepared::new(network, parameters, settings)?;
        let sum = GradientSum::new(&prepared.circuit);
        let scratch = Scratch::default();
        Ok(Self { prepared, scratch, sum, workers: Vec::new(), is_dirty: false })
    }

    /// Takes other parameters, in whatever form: a value that was shared may be each neuron's or synapse's own, and the other way
    /// round. The evaluator is then what [`Self::new`] makes of them. Where the delays are the same as before, nothing is allocated.
    ///
    /// # Errors
    /// [`NetworkError`] if they do not fit; the old ones then stay.
    pub fn set_parameters(&mut self, parameters: &Parameters) -> Result<(), NetworkError> {
        let Prepared { network, circuit, layers, reason, settings } = &mut self.prepared;
        let is_same_layout = circuit.set(network, parameters)?;
        match layers {
            Some(layers) if is_same_layout => layers.set(circuit),
            _ if is_same_layout => {}
            _ => {
                (*layers, *reason) = choose(network, circuit, *settings);
                self.sum = GradientSum::new(circuit);
                self.workers.clear();
            }
        }
        Ok(())
    }

    /// Says which engine works off the network, and why.
    #[must_use]
    pub fn explanation(&self) -> Explanation<'a> {
        self.prepared.explanation()
    }

    /// Zeros in the shape of a gradient with respect to `parameters`.
    #[must_use]
    pub fn zero_gradient(&self, parameters: &Parameters) -> Gradient {
        Gradient { parameters: parameters.zeros_like(), input_times: Vec::new() }
    }

    /// Runs the network and returns what happened, with the read-outs that were requested: a trace that can be differentiated.
    ///
    /// # Errors
    /// [`SimulateError`] if the run cannot finish.
    pub fn simulate(
        &mut self,
        stimulus: &Stimulus,
        requests: &[ReadoutRequest],
    ) -> Result<&Trace, SimulateError> {
        self.scratch
            .run(&self.prepared, stimulus, true, |into| into.extend_from_slice(requests))?;
        Ok(&self.scratch.trace)
    }

    /// Like [`Self::simulate`], for a run that nobody will differentiate: faster, and a backward pass refuses its trace
    /// ([`spikegrad_simulate::simulate_forward_into`]).
    ///
    /// # Errors
    /// As [`Self::simulate`].
    pub fn simulate_forward(
        &mut self,
        stimulus: &Stimulus,
        requests: &[ReadoutRequest],
    ) -> Result<&Trace, SimulateError> {
        self.scratch
            .run(&self.prepared, stimulus, false, |into| into.extend_from_slice(requests))?;
        Ok(&self.scratch.trace)
    }

    /// Returns the value of `loss`.
    ///
    /// # Errors
    /// [`enum@Error`]: a run that cannot finish, a value that is not finite.
    pub fn value(&mut self, stimulus: &Stimulus, loss: &dyn Loss) -> Result<f64, Error> {
        self.scratch.forward(&self.prepared, stimulus, loss, false)
    }

    /// Returns the value of `loss` and writes its exact gradient into `gradient`, which gets the form of the parameters if it has
    /// another.
    ///
    /// # Errors
    /// [`enum@Error`]: a loss that does not fit the network, a run that cannot finish, a gradient that does not exist. `gradient`
    /// is then not usable.
    pub fn value_and_grad(
        &mut self,
        stimulus: &Stimulus,
        loss: &dyn Loss,
        gradient: &mut Gradient,
    ) -> Result<f64, Error> {
        let Self { prepared, scratch, sum, .. } = self;
        sum.clear();
        let value = scratch.forward(prepared, stimulus, loss, true)?;
        scratch.backward(prepared, sum)?;
        sum.write(prepared.network, &prepared.circuit, &mut gradient.parameters);
        gradient.input_times.clone_from(&scratch.input_times);
        match gradient.find(prepared.network, |x: f64| !x.is_finite()) {
            None => Ok(value),
            Some((place, value)) => Err(AdjointError::NonFiniteGradient { place, value }.into()),
        }
    }

    /// Whether the layered sweep did the last run. Of a layered network that is not so only if something happened that the
    /// event loop alone decides: several rounds at one instant, a potential that touched its threshold, an error.
    #[must_use]
    pub fn was_swept(&self) -> bool {
        self.scratch.was_swept
    }

    /// What happened in the last run.
    #[must_use]
    pub fn trace(&self) -> &Trace {
        &self.scratch.trace
    }

    /// How far the gradient of the last run can be trusted; of a run that was not differentiated it knows no more than its slopes
    /// and touches. Finding ties takes a look at every arrival, as long as a part of the run itself.
    #[must_use]
    pub fn certificate(&self) -> Certificate {
        let (Prepared { network, circuit, settings, .. }, scratch) =
            (&self.prepared, &self.scratch);
        let Scratch { trace, cotangents, .. } = scratch;
        let spike_times = scratch.spike_times();
        let run = Differentiated { network, circuit, trace, cotangents, spike_times };
        Certificate::new(&run, settings.grazing)
    }

    /// The trace of the last run, in place of which an empty one is left.
    pub fn take_trace(&mut self) -> Trace {
        std::mem::take(&mut self.scratch.trace)
    }
}
