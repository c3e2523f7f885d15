//! The derivative of a loss along one direction, carried forward.
//!
//! Where the layered sweep runs a network it is followed by a second sweep, along the direction (`spikegrad_adjoint::sweep_along`). Everywhere else, and where the event
//! loop is asked for, the simulator itself runs on dual numbers: every number of the network and every input time gets its part of the direction as its infinitesimal part, and the run
//! carries it along. Where a potential meets its threshold the time is found in the real parts and lifted by the implicit
//! function theorem (docs/mathematics.md, section 4): that is the forward propagation of J. Lee, S. Haghighatshoar and A.
//! Karbasi, *Exact gradient computation for spiking neural networks via forward propagation* (AISTATS 2023, arXiv:2210.15415),
//! for any network. No jump of an adjoint is involved.
//!
//! Not here: the derivative along all directions at once, which is the adjoint's (`evaluate.rs`).

use crate::batch::Sample;
use crate::error::Error;
use crate::prepared::{Prepared, Settings, WithRespectTo};
use crate::scratch::Scratch;
use spikegrad_adjoint::{
    AdjointError, Grazing, goes_along, is_sweepable, judge_touches, sweep_along,
};
use spikegrad_dynamics::{AnyNeuron, Dual64, Lif, Scalar};
use spikegrad_network::loss::{Cotangents, LossError};
use spikegrad_network::{
    Build, Circuit, Direction, Gradient, Network, NetworkError, Parameters, Steps, Stimulus, Trace,
};
use spikegrad_simulate::{Options, Workspace, simulate_forward_into};
use std::sync::Arc;

/// Value, derivative along a direction, and what they were read from.
#[derive(Clone, Debug)]
pub struct DirectionalEvaluation {
    /// Value of the loss.
    pub loss: f64,
    /// Σ (∂L/∂x) · (direction of x), in the unit of the loss.
    pub derivative: f64,
    /// The run. The infinitesimal part of each spike time, and of the value of each read-out, is its derivative along the direction; where dual numbers ran, that of every other
    /// number, too.
    pub trace: Trace<Dual64>,
    /// Whether the layered sweep did it.
    pub was_swept: bool,
}

/// Returns the value of a sample's loss and its derivative along `direction`, which has the shape of a gradient.
///
/// The work is that of two sweeps, or of one run of the event loop on dual numbers, whatever the number of parameters. Any [`Loss`](crate::Loss) will do: it is evaluated on the real part of the run, and its cotangents are summed against the
/// derivatives of the spike times and read-outs. Where several arrivals at one instant cut a maximum off together, which is a kink, its motion is that of
/// the first of them; the adjoint gives each a share (docs/mathematics.md, eq. 23), and so does the sweep.
/// With [`Engine::EventLoop`](crate::Engine::EventLoop) dual numbers run whatever the network: no rule of an adjoint has a part in them.
///
/// # Errors
/// [`enum@Error`]: parameters, a loss or a direction that do not fit, a run that cannot finish, a derivative that does not exist. A policy for spikes that
/// graze has no meaning for a derivative that is carried forward: a spike on which [`Grazing::Zero`] or [`Grazing::Floor`] would have
/// to act is [`AdjointError::Grazing`] under each of them, whether or not the loss depends on it. A touch is no spike, and an
/// error under [`Grazing::Fail`] alone, if the loss may depend on it.
///
/// # Examples
/// How does the loss change if all weights grow by the same factor?
/// ```
/// use spikegrad::problem::Problem;
/// use spikegrad::{Gradient, Sample, Settings, value_and_grad, value_and_jvp};
/// let problem = Problem::from_json(br#"{
///   "format": "spikegrad-problem", "version": 1,
///   "network": {
///     "inputs": 2,
///     "populations": [{"name": "out", "size": 1, "model": "lif"}],
///     "connections": [{"from": "input", "to": "out", "weights": [[5, 4]]}]
///   },
///   "stimulus": {"t_end": 0.02, "spikes": [[0, 0.0], [1, 0.004]]},
///   "loss": {"type": "spike_time_mse", "population": "out", "targets": [[0.0047]]}
/// }"#)?;
/// let Problem { network, parameters, stimulus, .. } = &problem;
/// let loss = problem.document.loss.as_ref().unwrap();
/// let mut direction = Gradient::zeros(parameters, stimulus);
/// direction.parameters.connections[0].weights.clone_from(&parameters.connections[0].weights);
/// let sample = Sample { stimulus, loss };
/// let forward = value_and_jvp(network, parameters, sample, &direction, &Settings::default())?;
///
/// let backward = value_and_grad(network, parameters, stimulus, loss, &Settings::default())?;
/// let weights = &backward.gradient.parameters.connections[0].weights;
/// let sum = 5.0 * weights[0] + 4.0 * weights[1];
/// assert!((forward.derivative / sum - 1.0).abs() < 1e-12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn value_and_jvp(
    network: &Network,
    parameters: &Parameters,
    sample: Sample<'_>,
    direction: &Gradient,
    settings: &Settings,
) -> Result<DirectionalEvaluation, Error> {
    if !network.is_linear() {
        return propagate::<AnyNeuron<Dual64>>(network, parameters, sample, direction, settings);
    }
    match sweep(network, parameters, sample, direction, settings)? {
        Some(swept) => Ok(swept),
        None => propagate::<Lif<Dual64>>(network, parameters, sample, direction, settings),
    }
}

/// By the layered sweep, in real numbers, and a second one along the direction; nothing, if that does not know the network or the run.
fn sweep(
    network: &Network,
    parameters: &Parameters,
    sample: Sample<'_>,
    direction: &Gradient,
    settings: &Settings,
) -> Result<Option<DirectionalEvaluation>, Error> {
    let settings = Settings { with_respect_to: WithRespectTo::EVERYTHING, ..*settings };
    let prepared = Prepared::<Lif<f64>>::new(Arc::new(network.clone()), parameters, settings)?;
    let Prepared { circuit, layers: Some(layers), .. } = &prepared else { return Ok(None) };
    let has_currents = sample.stimulus.currents().is_some();
    if has_currents || !goes_along(layers, &sample.loss.readouts(network)?) {
        return Ok(None);
    }
    direction.parameters.check_form("direction.parameters", parameters)?;
    let stimulus = lift_stimulus(sample.stimulus, direction)?;
    let mut scratch = Scratch::default();
    let loss = scratch.forward(&prepared, sample, true)?;
    let (trace, cotangents) = (&scratch.trace, scratch.cotangents());
    if !(scratch.was_swept && is_sweepable(circuit, layers, trace)) {
        return Ok(None);
    }
    differentiable(network, trace, cotangents, settings.grazing)?;
    let input_times = stimulus.spikes().iter().map(|spike| spike.time.eps).collect();
    let direction = Direction::of(network, circuit, &direction.parameters, input_times);
    let moved = sweep_along(circuit, layers, trace, &direction)?;
    let mut trace = trace.map(stimulus, Dual64::from);
    for (spike, &moved) in trace.spikes.iter_mut().zip(&moved.spikes) {
        spike.time.eps = moved;
    }
    for (readout, &moved) in trace.readouts.iter_mut().zip(&moved.readouts) {
        readout.value.eps = moved;
    }
    evaluation(loss, trace, cotangents, true).map(Some)
}

fn propagate<N: Build<Dual64>>(
    network: &Network,
    parameters: &Parameters,
    sample: Sample<'_>,
    direction: &Gradient,
    settings: &Settings,
) -> Result<DirectionalEvaluation, Error> {
    let Sample { stimulus, loss } = sample;
    let (parameters, stimulus) = lift(parameters, stimulus, direction)?;
    let circuit = Circuit::<Dual64, N>::of(network, &parameters)?;
    let readouts = loss.readouts(network)?;
    let options = Options { readouts: &readouts, max_events: settings.max_events };
    let (mut workspace, mut trace) = (Workspace::default(), Trace::default());
    simulate_forward_into(&circuit, &stimulus, options, &mut workspace, &mut trace)?;
    let (value, mut cotangents) = loss.evaluate(network, &trace.real())?;
    judge_touches(network, &circuit, &trace, loss, &mut cotangents);
    differentiable(network, &trace, &cotangents, settings.grazing)?;
    evaluation(value, trace, &cotangents, false)
}

fn evaluation(
    loss: f64,
    trace: Trace<Dual64>,
    cotangents: &Cotangents,
    was_swept: bool,
) -> Result<DirectionalEvaluation, Error> {
    let derivative = along(&trace, cotangents);
    if derivative.is_finite() {
        Ok(DirectionalEvaluation { loss, derivative, trace, was_swept })
    } else {
        Err(LossError::NotFinite.into())
    }
}

/// Parameters and stimulus with their part of the direction.
pub(crate) fn lift(
    parameters: &Parameters,
    stimulus: &Stimulus,
    direction: &Gradient,
) -> Result<(Parameters<Dual64>, Stimulus<Dual64>), NetworkError> {
    direction.parameters.check_form("direction.parameters", parameters)?;
    let mut along = direction.parameters.to_vec().into_iter();
    let dual = |x| Dual64::new(x, along.next().unwrap_or_default());
    Ok((parameters.map(dual), lift_stimulus(stimulus, direction)?))
}

/// The stimulus alone with its part of the direction.
fn lift_stimulus(
    stimulus: &Stimulus,
    direction: &Gradient,
) -> Result<Stimulus<Dual64>, NetworkError> {
    let times = &direction.input_times;
    let (found, expected) = (times.len(), stimulus.spikes().len());
    if found != expected {
        let place = "direction.input_times".into();
        return Err(NetworkError::Length { place, found, expected, of: "input spike" });
    }
    let (found, expected) = (direction.currents.len(), stimulus.injected().len());
    if found != expected {
        let place = "direction.currents".into();
        return Err(NetworkError::Length { place, found, expected, of: "injected current" });
    }
    let pairs = direction.currents.iter().zip(stimulus.injected()).enumerate();
    for (k, (along, current)) in pairs {
        let (found, expected) = (along.numbers().count(), current.steps.numbers().count());
        if found != expected {
            let place = format!("direction.currents[{k}]");
            return Err(NetworkError::Length { place, found, expected, of: "number" });
        }
    }
    let of_currents = direction.currents.iter().flat_map(Steps::numbers);
    let mut along = times.iter().copied().chain(of_currents);
    Ok(stimulus.lift(|x| Dual64::new(x, along.next().unwrap_or_default())))
}

/// Whether every spike has a time that can be differentiated, and no touch matters.
pub(crate) fn differentiable<S: Scalar, T>(
    network: &Network,
    trace: &Trace<S>,
    cotangents: &Cotangents<T>,
    policy: Grazing,
) -> Result<(), AdjointError> {
    let touches = trace.touches.iter().enumerate();
    let mut touches = touches.filter(|&(k, _)| cotangents.touch_matters(k));
    if let (Grazing::Fail, Some((_, touch))) = (policy, touches.next()) {
        let neuron = network.named(touch.neuron);
        return Err(AdjointError::Grazing { neuron, time: touch.time, slope: 0.0 });
    }
    let acts_on = |slope: f64| match policy {
        Grazing::Fail | Grazing::Zero => slope <= 0.0,
        Grazing::Floor(floor) => slope <= 0.0 || slope < floor,
    };
    match trace.spikes.iter().find(|spike| acts_on(spike.slope.re())) {
        None => Ok(()),
        Some(spike) => Err(AdjointError::Grazing {
            neuron: network.named(spike.neuron),
            time: spike.time.re(),
            slope: spike.slope.re(),
        }),
    }
}

/// Σ (∂L/∂t) dt + Σ (∂L/∂m) dm, over spike times and read-outs.
fn along(trace: &Trace<Dual64>, cotangents: &Cotangents) -> f64 {
    let spikes = trace.spikes.iter().zip(&cotangents.spikes).map(|(s, c)| s.time.eps * c);
    let readouts = trace.readouts.iter().zip(&cotangents.readouts).map(|(r, c)| r.value.eps * c);
    spikes.chain(readouts).sum()
}
