//! The layered sweep, backwards: the gradient of the event-by-event walk, with no queue.
//!
//! In a network of [`Layers`] the adjoint of a spike time is known once all later layers have been gone through. So layers are taken
//! from the last to the first, each from the end of the run to its beginning, all of its neurons side by side.
//!
//! | file | holds |
//! | --- | --- |
//! | `schedule.rs` | what arrived at a layer, and the stretches in between |
//! | `moments.rs` | what happened to its neurons |
//! | `window.rs` | the flows over what comes next |
//! | `layer.rs` | one layer, from stretch to stretch |
//! | `by_hand.rs` | one neuron at a moment |
//! | `members.rs` | the neurons that go side by side |
//! | `parts.rs` | one layer in parts: cells, or neurons that hear apart |
//! | `averages.rs` | one layer of which averages are read |
//! | `quadratic.rs` | one layer of quadratic neurons |
//! | `along.rs` | the other way: all layers along a direction |
//!
//! Not here: several rounds at one instant, which only the event-by-event walk takes apart (`backward.rs`), the pass over
//! all adjoints of a layer (`spikegrad_dynamics::lanes`).

mod along;
mod averages;
mod by_hand;
mod layer;
mod members;
mod moments;
mod parts;
mod quadratic;
mod schedule;
mod window;

use crate::backward::is_lost;
use crate::pseudospikes::{AfterTheRun, widths_that_matter};
use crate::touches::check;
use crate::{AdjointError, GradientSum, Grazing, origin};
pub use along::{Moved, goes_along, sweep_along};
use layer::{LayerGradient, LayerSweep, Scratch};
use members::Members;
use parts::{PartScratch, Parts, PartsSweep};
use quadratic::{QuadraticScratch, QuadraticSweep, Sums};
use schedule::Spikes;
use spikegrad_dynamics::receptors::{ByParts, LinearGradient};
use spikegrad_dynamics::{AnyNeuron, Neuron, NeuronAdjoint, NeuronGradient, Scalar, Vector};
use spikegrad_network::loss::Cotangents;
use spikegrad_network::{
    Apart, Bodies, Build, Circuit, Gradient, Layer, Layers, Network, Parameters, Spike, Trace,
    Wiring,
};
use std::any::Any;

/// Scratch memory of a backward sweep, to be used again.
#[derive(Clone, Debug, Default)]
pub struct BackwardSweepWorkspace {
    /// ∂L/∂t of each firing, in all.
    times: Vec<f64>,
    /// How many of these are input spikes.
    inputs: usize,
    /// Spikes of each population: positions in the trace.
    spikes: Spikes,
    input_times: Vec<f64>,
    /// What the neurons of the layer under way collect.
    gradient: LayerGradient,
    scratches: Scratches,
    parts: PartScratch,
    /// Of each layer, for those of quadratic neurons.
    quadratic: Vec<QuadraticScratch>,
}

/// Memory of a layer under way, by the number of receptors.
#[derive(Clone, Debug, Default)]
struct Scratches {
    one: Scratch<1>,
    two: Scratch<2>,
    three: Scratch<3>,
    four: Scratch<4>,
    five: Scratch<5>,
    six: Scratch<6>,
}

impl BackwardSweepWorkspace {
    /// ∂L/∂(input times) of the last sweep, per second, in the order in which the stimulus was given.
    #[must_use]
    pub fn input_times(&self) -> &[f64] {
        &self.input_times
    }

    /// ∂L/∂t of each spike of the last trace, through all that depends on it, per second.
    #[must_use]
    pub fn spike_times(&self) -> &[f64] {
        &self.times[self.inputs..]
    }
}

/// A kind of neuron that both engines run, and whose circuits may be those of [`Layers`].
pub trait SweptNeuron:
    NeuronAdjoint<f64, Gradient: LinearGradient> + Build<f64> + ByParts + 'static
{
}

impl<N: NeuronAdjoint<f64, Gradient: LinearGradient> + Build<f64> + ByParts + 'static> SweptNeuron
    for N
{
}

/// Whether a sweep can walk this trace of a network of `layers`: nothing is read of neurons in cells or of those that hear apart, no instant was run in more than one round, and no refractory
/// time was so short that it ended at the instant of its spike; and if not all neurons are linear with one receptor, that a sweep has run it.
#[must_use]
pub fn is_sweepable<N: Neuron<f64>>(
    circuit: &Circuit<f64, N>,
    layers: &Layers,
    trace: &Trace,
) -> bool {
    if !is_of_sweep(layers, trace) {
        return false;
    }
    let is_plain = |spike: &Spike| {
        let refractory = circuit.neurons[spike.neuron.index()].refractory();
        spike.round == 0 && !is_lost(spike.at(), refractory)
    };
    trace.spikes.iter().all(is_plain)
        && trace.readouts.iter().all(|readout| readout.cusp().is_none_or(|cusp| cusp.round == 0))
}

/// Whether a trace holds what a sweep needs that the event loop does not write down, and nothing that the event loop alone does.
fn is_of_sweep(layers: &Layers, trace: &Trace) -> bool {
    let mut in_parts = layers.layers().iter().filter(|layer| Parts::of(layer).is_some());
    let is_read = |layer: &Layer| {
        let mut neurons = trace.readouts.iter().map(|readout| readout.request.neuron.index());
        neurons.any(|n| layer.neurons.contains(&n))
    };
    let is_long = trace.arrivals > Apart::MOST_ARRIVALS;
    let hear_apart = |layer: &Layer| layer.apart.is_some();
    !in_parts.any(|layer| is_read(layer) || is_long && hear_apart(layer))
        && trace.tape.last.is_empty()
        && (!layers.have_receptors() || has_receptor_tangents(trace))
}

/// Whether a sweep of neurons with several receptors has run this.
fn has_receptor_tangents(trace: &Trace) -> bool {
    trace.receptor_tangents.len() == trace.spikes.len() + trace.readouts.len()
}

/// [`crate::backward`] of a trace that only a sweep leads back through; `None` if it is another one.
///
/// A sweep is in real numbers, and so is its trace: what is of another number is not of a sweep.
pub(crate) fn backward_of_sweep<T: Scalar>(
    network: &Network,
    parameters: &Parameters<T>,
    trace: &Trace<T>,
    cotangents: &Cotangents<T>,
    policy: Grazing,
) -> Option<Result<Gradient<T>, AdjointError>> {
    let parameters = (parameters as &dyn Any).downcast_ref::<Parameters>()?;
    let trace = (trace as &dyn Any).downcast_ref::<Trace>()?;
    let cotangents = (cotangents as &dyn Any).downcast_ref::<Cotangents>()?;
    if network.is_linear() || !trace.tape.last.is_empty() {
        return None;
    }
    let sweep = || {
        let circuit = Circuit::<f64, AnyNeuron<f64>>::of(network, parameters)?;
        origin::check(&circuit, trace)?;
        let layers = Layers::new(network, &circuit).map_err(|_| AdjointError::NoTangents)?;
        if !is_sweepable(&circuit, &layers, trace) {
            return Err(AdjointError::NoTangents);
        }
        let (mut sum, mut workspace) = (GradientSum::new(&circuit), Default::default());
        let (sum_, workspace_) = (&mut sum, &mut workspace);
        sweep_backward_into(&circuit, &layers, trace, cotangents, policy, workspace_, sum_)?;
        let input_times = workspace.input_times().to_vec();
        let parameters = sum.to_parameters(network, &circuit);
        Ok(Gradient { parameters, input_times, currents: Vec::new() })
    };
    let lift = |gradient: Gradient| {
        let gradient: Box<dyn Any> = Box::new(gradient);
        gradient.downcast().ok().map(|gradient| *gradient)
    };
    match sweep() {
        Ok(gradient) => lift(gradient).map(Ok),
        Err(error) => Some(Err(error)),
    }
}

/// Like [`crate::backward_into`], for a trace that [`is_sweepable`] of a network of `layers`;
/// ∂L/∂(input times) stands in the workspace.
///
/// # Errors
/// As [`crate::backward`]; `sum` is then not usable.
pub fn sweep_backward_into<N: SweptNeuron>(
    circuit: &Circuit<f64, N>,
    layers: &Layers,
    trace: &Trace,
    cotangents: &Cotangents,
    policy: Grazing,
    workspace: &mut BackwardSweepWorkspace,
    sum: &mut GradientSum<f64, N>,
) -> Result<(), AdjointError> {
    origin::check(circuit, trace)?;
    if !(sum.has_tangents(trace) && is_of_sweep(layers, trace)) {
        return Err(AdjointError::NoTangents);
    }
    check(circuit, trace, cotangents, policy)?;
    let inputs = trace.stimulus.spikes().len();
    workspace.inputs = inputs;
    workspace.times.clear();
    workspace.times.resize(inputs + trace.spikes.len(), 0.0);
    read_spikes(layers, trace, &mut workspace.spikes);
    workspace.quadratic.resize_with(layers.layers().len(), QuadraticScratch::default);
    let ends = adjoints_at_the_end(circuit, layers, (trace, cotangents), workspace, sum)?;
    for (k, layer) in layers.layers().iter().enumerate().rev() {
        let run = (circuit.wiring(), trace, cotangents, policy);
        let into = (&mut *sum.weights, &mut *sum.delays, sum.has_input_times);
        let neurons = &mut sum.neurons[layer.neurons.clone()];
        if let Bodies::Quadratic(_) = layer.bodies {
            let ends = ends.as_ref().map(|ends| &ends[layer.neurons.clone()]);
            sweep_quadratic((k, layer), run, workspace, into, ends)?;
            for (of_neuron, collected) in neurons.iter_mut().zip(&workspace.quadratic[k].gradient) {
                let numbers = of_neuron.as_mut_slice().iter_mut();
                numbers.zip(collected).for_each(|(into, x)| *into += x);
            }
        } else if let (Some(parts), Bodies::One(body)) = (Parts::of(layer), &layer.bodies) {
            let BackwardSweepWorkspace { times, spikes, gradient, scratches, .. } = workspace;
            let (wiring, trace, cotangents, policy) = run;
            let (weights, delays, has_input_times) = into;
            #[rustfmt::skip]
            let sweep = PartsSweep {
                wiring, layer, parts, body, trace, spikes, cotangents, policy, has_input_times, times,
                weights, delays,
            };
            let memory = (&mut scratches.one, gradient);
            sweep.run(&mut workspace.parts, memory, |part, gradient| {
                gradient.add_to(layer, parts.neurons(&part).iter().copied(), neurons);
            })?;
        } else {
            sweep_layer(layer, run, workspace, into)?;
            workspace.gradient.add_to(layer, 0..layer.neurons.len(), neurons);
        }
    }
    let BackwardSweepWorkspace { times, input_times, .. } = workspace;
    trace.stimulus.in_given_order_into(&times[..inputs], input_times);
    Ok(())
}

/// Reads the spikes of each population.
fn read_spikes(layers: &Layers, trace: &Trace, into: &mut Spikes) {
    into.resize(layers.layers().len(), Vec::new());
    into.iter_mut().for_each(Vec::clear);
    for (k, spike) in trace.spikes.iter().enumerate() {
        into[layers.population_of(spike.neuron)].push(k);
    }
}

/// Takes one layer back, and leaves what its neurons collect in the workspace. Generic over nothing, so that each number of receptors is compiled once.
fn sweep_layer(
    layer: &Layer,
    (wiring, trace, cotangents, policy): (Wiring<'_>, &Trace, &Cotangents, Grazing),
    workspace: &mut BackwardSweepWorkspace,
    (weights, delays, has_input_times): (&mut [f64], &mut [f64], bool),
) -> Result<(), AdjointError> {
    let BackwardSweepWorkspace { times, spikes, gradient, scratches, .. } = workspace;
    let (own, members) = (&*spikes[layer.population], Members::all(layer));
    macro_rules! run {
        ($body:expr, $scratch:expr) => {{
            let (body, scratch) = ($body, &mut $scratch);
            #[rustfmt::skip]
            let sweep = LayerSweep {
                wiring, rows: wiring.weights, layer, members, body, trace, own, cotangents, policy, times,
                scratch, weights, delays, has_input_times, gradient,
            };
            sweep.run(spikes)
        }};
    }
    match &layer.bodies {
        Bodies::One(body) => run!(body, scratches.one),
        Bodies::Two(body) => run!(body, scratches.two),
        Bodies::Three(body) => run!(body, scratches.three),
        Bodies::Four(body) => run!(body, scratches.four),
        Bodies::Five(body) => run!(body, scratches.five),
        Bodies::Six(body) => run!(body, scratches.six),
        Bodies::Quadratic(_) => Ok(()),
    }
}

/// The layer at position `k`, if it is of quadratic neurons, as it is to be run again or back.
fn quadratic_layer<'a>(
    (k, layer): (usize, &'a Layer),
    (wiring, trace): (Wiring<'a>, &'a Trace),
    (spikes, scratches): (&'a Spikes, &'a mut [QuadraticScratch]),
    has_input_times: bool,
) -> Option<QuadraticSweep<'a>> {
    let Bodies::Quadratic(body) = &layer.bodies else { return None };
    let scratch = &mut scratches[k];
    Some(QuadraticSweep { wiring, layer, body, trace, spikes, has_input_times, scratch })
}

/// ∂L/∂(state of each neuron at the end), if the loss reads spikes after the run: then all layers of quadratic neurons are run again.
fn adjoints_at_the_end<N: SweptNeuron>(
    circuit: &Circuit<f64, N>,
    layers: &Layers,
    (trace, cotangents): (&Trace, &Cotangents),
    workspace: &mut BackwardSweepWorkspace,
    sum: &mut GradientSum<f64, N>,
) -> Result<Option<Vec<Vector<f64>>>, AdjointError> {
    let widths = widths_that_matter(trace, cotangents);
    if widths.is_empty() {
        return Ok(None);
    }
    let mut states = vec![Vector::default(); circuit.neurons.len()];
    for (k, layer) in layers.layers().iter().enumerate() {
        let memory = (&workspace.spikes, &mut *workspace.quadratic);
        let run = (circuit.wiring(), trace);
        let quadratic = quadratic_layer((k, layer), run, memory, sum.has_input_times);
        if let Some(mut quadratic) = quadratic {
            quadratic.replay(trace.stimulus.t_end());
            let into = states[layer.neurons.clone()].iter_mut();
            into.zip(quadratic.ends()).for_each(|(into, end)| *into = end);
        }
    }
    let adjoints = vec![Vector::default(); states.len()];
    let mut all = AfterTheRun { circuit, trace, cotangents, sum, adjoints };
    for width in widths {
        all.pull_back(width, states.clone())?;
    }
    Ok(Some(all.adjoints))
}

/// Takes one layer of quadratic neurons back, from its adjoints at the end if these do not vanish.
fn sweep_quadratic(
    layer: (usize, &Layer),
    (wiring, trace, cotangents, policy): (Wiring<'_>, &Trace, &Cotangents, Grazing),
    workspace: &mut BackwardSweepWorkspace,
    (weights, delays, has_input_times): (&mut [f64], &mut [f64], bool),
    ends: Option<&[Vector<f64>]>,
) -> Result<(), AdjointError> {
    let BackwardSweepWorkspace { times, spikes, quadratic, .. } = workspace;
    let memory = (&*spikes, &mut **quadratic);
    let Some(mut sweep) = quadratic_layer(layer, (wiring, trace), memory, has_input_times) else {
        return Ok(());
    };
    if ends.is_none() {
        match sweep.horizon(times, cotangents) {
            Some(horizon) => sweep.replay(horizon),
            None => {
                sweep.skip();
                return Ok(());
            }
        }
    }
    let sums = Sums { times, weights, delays };
    sweep.go_back(ends.unwrap_or_default(), (cotangents, policy), sums)
}
