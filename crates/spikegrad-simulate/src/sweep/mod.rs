//! The layered sweep: the same run as that of the event loop, with no queue.
//!
//! In a network of [`Layers`] nothing that a layer does comes back to an earlier one. So each layer is run from
//! beginning to end before the next, all of its neurons side by side from one arrival to the next, and what it fired is
//! what the next one hears. Who may spike along a stretch is told by a bound, and searched for.
//!
//! | file | holds |
//! | --- | --- |
//! | `arrivals.rs` | what reaches a layer, and when |
//! | `budget.rs` | how many events there may be |
//! | `wave.rs` | the neurons that spike, run together |
//! | `layer.rs` | one layer, from stretch to stretch |
//! | `peaks.rs` | read-outs |
//!
//! What is out of the ordinary is not decided here: several rounds at an instant, a potential that only touches its
//! threshold, numbers that are not finite, a wish to end. The sweep then gives up with [`SweepError::Irregular`], and the event loop, which knows
//! all of this, does the run. A run with too many events is not done again. Not here: the event loop (`engine.rs`), the pass over all
//! neurons of a layer (`spikegrad_dynamics::lanes`).

mod arrivals;
mod budget;
mod layer;
mod peaks;
mod wave;

use crate::{Options, SimulateError, requests};
use arrivals::Fired;
use budget::{Budget, Known};
use layer::{LayerRun, Scratch};
use peaks::Sampled;
use spikegrad_dynamics::OtherTimeConstants;
use spikegrad_dynamics::receptors::ByParts;
use spikegrad_network::{
    Bodies, Circuit, Layers, NeuronId, Spike, Stimulus, Tangents, Trace, Watch, Wiring,
};
use std::cmp::Ordering;
use thiserror::Error;
pub(crate) use wave::Crossing;

/// The run holds something that only the event loop decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Irregular;

/// Why a sweep gave up.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum SweepError {
    /// The run holds something that only the event loop decides: do it with [`crate::simulate_into`].
    #[error("something out of the ordinary happened, which only the event loop decides")]
    Irregular,
    /// The run cannot be finished, or not be started: the event loop would say the same.
    #[error(transparent)]
    Simulate(#[from] SimulateError),
}

impl From<Irregular> for SweepError {
    fn from(_: Irregular) -> Self {
        Self::Irregular
    }
}

/// Scratch memory of a sweep, to be used again.
#[derive(Clone, Debug, Default)]
pub struct SweepWorkspace {
    /// Spikes of each population.
    fired: Vec<Vec<Spike>>,
    /// Recorded read-outs, for each request.
    sampled: Vec<Sampled>,
    /// Of the spikes of each population of neurons with several receptors, in the same order.
    tangents: Vec<Vec<FiredTangent>>,
    /// How many spikes of each population are merged.
    merged: Vec<usize>,
    scratches: Scratches,
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

/// The derivatives at a spike by the synaptic time constants of all receptors but the first.
#[derive(Clone, Copy, Debug)]
struct FiredTangent {
    time: f64,
    neuron: NeuronId,
    tangent: OtherTimeConstants<f64>,
}

/// By time, then neuron.
pub(crate) fn in_order(a: (f64, NeuronId), b: (f64, NeuronId)) -> Ordering {
    a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
}

/// Runs a layered network from time 0 to the end of `stimulus`. `trace` is overwritten.
///
/// `layers` must be those of `circuit`.
///
/// # Errors
/// [`SweepError::Irregular`] where [`crate::simulate_into`] has to do the run, else its error; the trace is then not usable.
pub fn sweep_into<N: ByParts>(
    circuit: &Circuit<f64, N>,
    layers: &Layers,
    stimulus: &Stimulus,
    options: Options<'_>,
    workspace: &mut SweepWorkspace,
    trace: &mut Trace,
) -> Result<(), SweepError> {
    sweep((circuit, layers), Tangents::Recorded, stimulus, options, workspace, trace)
}

/// Like [`sweep_into`], for a run that nobody will differentiate: see [`crate::simulate_forward_into`].
///
/// # Errors
/// As [`sweep_into`].
pub fn sweep_forward_into<N: ByParts>(
    circuit: &Circuit<f64, N>,
    layers: &Layers,
    stimulus: &Stimulus,
    options: Options<'_>,
    workspace: &mut SweepWorkspace,
    trace: &mut Trace,
) -> Result<(), SweepError> {
    sweep((circuit, layers), Tangents::Omitted, stimulus, options, workspace, trace)
}

fn sweep<N: ByParts>(
    (circuit, layers): (&Circuit<f64, N>, &Layers),
    tangents: Tangents,
    stimulus: &Stimulus,
    options: Options<'_>,
    workspace: &mut SweepWorkspace,
    trace: &mut Trace,
) -> Result<(), SweepError> {
    let (inputs, t_end) = (stimulus.spikes(), stimulus.t_end());
    trace.start(stimulus, tangents);
    requests::check_inputs(inputs, circuit.inputs())?;
    requests::check(options.readouts, circuit.neurons.len(), t_end)?;
    requests::check_linear(options.readouts, circuit)?;
    let network = (circuit.wiring(), layers);
    let budget = run_layers(network, tangents, stimulus, options, workspace)?;
    let SweepWorkspace { fired, sampled, tangents, merged, .. } = workspace;
    let known = Known { layers, inputs, populations: fired, own: None };
    budget.check(known, t_end)?;
    trace.arrivals = known.arrivals(t_end);
    merge(fired, merged, &mut trace.spikes);
    if trace.spikes.windows(2).any(|two| blur(circuit, &two[0], &two[1])) {
        return Err(SweepError::Irregular);
    }
    trace.readouts.extend(sampled.iter().flatten().map(|(readout, _)| readout));
    if trace.readouts.len() != sampled.len() {
        return Err(SweepError::Irregular);
    }
    if layers.have_receptors() {
        if trace.spikes.iter().any(|spike| is_lost(circuit, spike)) {
            return Err(SweepError::Irregular);
        }
        attach(layers, tangents, (merged, sampled), trace);
    }
    Ok(())
}

/// Runs all layers, and returns what is left of the budget. Generic over nothing, so that each number of receptors is compiled once.
fn run_layers(
    network: (Wiring<'_>, &Layers),
    tangents: Tangents,
    stimulus: &Stimulus,
    options: Options<'_>,
    workspace: &mut SweepWorkspace,
) -> Result<Budget, Irregular> {
    match tangents {
        Tangents::Recorded => run_each::<true>(network, stimulus, options, workspace),
        Tangents::Omitted => run_each::<false>(network, stimulus, options, workspace),
    }
}

fn run_each<const TANGENTS: bool>(
    (wiring, layers): (Wiring<'_>, &Layers),
    stimulus: &Stimulus,
    options: Options<'_>,
    workspace: &mut SweepWorkspace,
) -> Result<Budget, Irregular> {
    let (inputs, t_end) = (stimulus.spikes(), stimulus.t_end());
    let SweepWorkspace { fired, sampled, tangents, scratches, .. } = workspace;
    tangents.resize(layers.layers().len(), Vec::new());
    tangents.iter_mut().for_each(Vec::clear);
    fired.resize(layers.layers().len(), Vec::new());
    fired.iter_mut().for_each(Vec::clear);
    sampled.clear();
    sampled.resize(options.readouts.len(), None);
    let mut budget = Budget::new(options.max_events, t_end);
    let mut watch = Watch::default();
    for layer in layers.layers() {
        let mut spikes = std::mem::take(&mut fired[layer.population]);
        let own = Some((layer.population, spikes.as_slice()));
        budget.look(Known { layers, inputs, populations: fired, own });
        macro_rules! run {
            ($body:expr, $scratch:expr) => {
                LayerRun::<_, TANGENTS> {
                    fired: Fired { wiring, inputs, populations: fired },
                    layers,
                    layer,
                    body: $body,
                    t_end: budget.horizon,
                    readouts: options.readouts,
                    budget: &mut budget,
                    spikes: &mut spikes,
                    tangents: &mut tangents[layer.population],
                    sampled,
                    scratch: &mut $scratch,
                    watch: &mut watch,
                }
                .run()
            };
        }
        let result = match &layer.bodies {
            Bodies::One(body) => run!(body, scratches.one),
            Bodies::Two(body) => run!(body, scratches.two),
            Bodies::Three(body) => run!(body, scratches.three),
            Bodies::Four(body) => run!(body, scratches.four),
            Bodies::Five(body) => run!(body, scratches.five),
            Bodies::Six(body) => run!(body, scratches.six),
        };
        fired[layer.population] = spikes;
        result?;
    }
    Ok(budget)
}

/// Whether a refractory time is so short that the release falls on the instant of the spike: only the event-by-event walk leads back through that, and of a
/// neuron with several receptors it needs the run of the event loop.
fn is_lost<N: ByParts>(circuit: &Circuit<f64, N>, spike: &Spike) -> bool {
    let refractory = circuit.neurons[spike.neuron.index()].refractory();
    refractory != 0.0 && spike.at().after(refractory).coincides(spike.at())
}

/// Writes the derivatives by the time constants of further receptors, in the order of the trace.
fn attach(
    layers: &Layers,
    tangents: &[Vec<FiredTangent>],
    (next, sampled): (&mut Vec<usize>, &[Sampled]),
    trace: &mut Trace,
) {
    next.clear();
    next.resize(tangents.len(), 0);
    let of_spikes = trace.spikes.iter().map(|spike| {
        let population = layers.population_of(spike.neuron);
        let place = &mut next[population];
        *place += 1;
        tangents[population].get(*place - 1).map(|of| of.tangent).unwrap_or_default()
    });
    trace.receptor_tangents.extend(of_spikes);
    trace.receptor_tangents.extend(sampled.iter().flatten().map(|(_, others)| others));
}

/// Whether only the event loop may say in which order two spikes come. Equal neurons spike at the very same time for both.
fn blur<N: ByParts>(circuit: &Circuit<f64, N>, first: &Spike, second: &Spike) -> bool {
    let crossing = |spike: &Spike| Crossing { time: spike.at(), slope: spike.slope };
    let condition =
        |spike: &Spike| circuit.neurons[spike.neuron.index()].crossing_condition(spike.slope);
    first.neuron != second.neuron
        && first.at() != second.at()
        && (crossing(first).blurs(condition(first), second.at())
            || crossing(second).blurs(condition(second), first.at()))
}

/// Brings the spikes of all populations, each in order, into the order of time, then neuron.
fn merge(fired: &mut [Vec<Spike>], merged: &mut Vec<usize>, into: &mut Vec<Spike>) {
    let mut populations = fired.iter_mut().filter(|spikes| !spikes.is_empty());
    if let (Some(only), None) = (populations.next(), populations.next()) {
        // Nothing to merge, and a copy would be all of the memory once more.
        std::mem::swap(only, into);
        return;
    }
    merged.clear();
    merged.resize(fired.len(), 0);
    let count = fired.iter().map(Vec::len).sum();
    into.reserve_exact(count);
    while into.len() < count {
        // Populations are in the order of their neurons: the first of equals is right.
        let heads = (0..fired.len()).filter_map(|p| Some((p, fired[p].get(merged[p])?)));
        let Some((p, &spike)) = heads.reduce(|a, b| if b.1.time < a.1.time { b } else { a }) else {
            return;
        };
        merged[p] += 1;
        into.push(spike);
    }
}
