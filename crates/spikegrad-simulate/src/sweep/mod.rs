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
//! | `together.rs` | one layer in several runs |
//! | `cells.rs` | one layer of cells |
//! | `apart.rs` | one layer whose neurons hear apart |
//! | `averages.rs` | one layer of which averages are read |
//! | `quadratic.rs` | one layer of quadratic neurons |
//! | `peaks.rs` | read-outs |
//!
//! What is out of the ordinary is not decided here: several rounds at an instant, a potential that only touches its
//! threshold, numbers that are not finite, a wish to end. The sweep then gives up with [`SweepError::Irregular`], and the event loop, which knows
//! all of this, does the run. A run with too many events is not done again. Not here: the event loop (`engine.rs`), the pass over all
//! neurons of a layer (`spikegrad_dynamics::lanes`).

mod apart;
mod arrivals;
mod averages;
mod budget;
mod cells;
mod layer;
mod peaks;
mod quadratic;
mod together;
mod wave;

use crate::pseudospikes::read_pseudospikes;
use crate::{Options, SimulateError, requests};
use apart::{ApartScratch, run_apart};
use arrivals::{Earliest, Fired};
use averages::Averages;
use budget::{Budget, Known};
use cells::{CellScratch, CellsRun};
use layer::{LayerRun, Scratch};
use peaks::Sampled;
use quadratic::{QuadraticRun, QuadraticScratch};
use spikegrad_dynamics::receptors::ByParts;
use spikegrad_dynamics::{OtherTimeConstants, Vector};
use spikegrad_network::{
    Bodies, Body, Cells, Circuit, Layer, Layers, Measure, NeuronId, QuadraticBody, Spike, Stimulus,
    Tangents, Trace, Watch, Wiring,
};
use std::cmp::Ordering;
use thiserror::Error;
use together::Together;
pub use together::are_swept_together;
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

/// A run among others that are swept together.
#[derive(Debug)]
pub struct Sweep<'a> {
    /// What comes in.
    pub stimulus: &'a Stimulus,
    /// What is recorded.
    pub options: Options<'a>,
    /// Overwritten.
    pub trace: &'a mut Trace,
    /// What [`sweep_into`] would have returned, once it is done.
    pub outcome: Result<(), SweepError>,
}

/// Scratch memory of sweeps, to be used again.
#[derive(Clone, Debug, Default)]
pub struct SweepWorkspace {
    runs: Vec<RunMemory>,
    layers: LayerMemories,
    cells: CellScratch,
    apart: ApartScratch,
    quadratic: QuadraticScratch,
}

/// Memory of one run.
#[derive(Clone, Debug, Default)]
struct RunMemory {
    /// Spikes of each population.
    fired: Vec<Vec<Spike>>,
    /// Those of the layer under way.
    own: Vec<Spike>,
    /// Recorded read-outs, for each request.
    sampled: Vec<Sampled>,
    /// Of the spikes of each population of neurons with several receptors, in the same order.
    tangents: Vec<Vec<FiredTangent>>,
    /// How many spikes of each population are merged.
    merged: Vec<usize>,
    /// States of quadratic neurons at the end.
    ends: Vec<Vector<f64>>,
    budget: Budget,
    /// Whether it is left to the event loop.
    is_irregular: bool,
}

/// Memory of a layer under way, by the number of receptors.
#[derive(Clone, Debug, Default)]
struct LayerMemories {
    one: LayerMemory<1>,
    two: LayerMemory<2>,
    three: LayerMemory<3>,
    four: LayerMemory<4>,
    five: LayerMemory<5>,
    six: LayerMemory<6>,
}

#[derive(Clone, Debug, Default)]
struct LayerMemory<const K: usize> {
    /// Of each run.
    scratches: Vec<Scratch<K>>,
    together: Together<K>,
    averages: Averages,
    /// Which runs go together.
    members: Vec<usize>,
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
    let mut sweep = Sweep { stimulus, options, trace, outcome: Ok(()) };
    let sweeps = std::slice::from_mut(&mut sweep);
    sweep_all_into(circuit, layers, Tangents::Recorded, sweeps, workspace);
    sweep.outcome
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
    let mut sweep = Sweep { stimulus, options, trace, outcome: Ok(()) };
    let sweeps = std::slice::from_mut(&mut sweep);
    sweep_all_into(circuit, layers, Tangents::Omitted, sweeps, workspace);
    sweep.outcome
}

/// Several runs of a network: each gets what [`sweep_into`] would give it, to the bit, or without `tangents` [`sweep_forward_into`]. Their searches fill registers together, and rows of
/// weights are used while they are in the caches: some eight samples are as many as help.
pub fn sweep_all_into<N: ByParts>(
    circuit: &Circuit<f64, N>,
    layers: &Layers,
    tangents: Tangents,
    sweeps: &mut [Sweep<'_>],
    workspace: &mut SweepWorkspace,
) {
    if workspace.runs.len() < sweeps.len() {
        workspace.runs.resize_with(sweeps.len(), RunMemory::default);
    }
    for (sweep, run) in sweeps.iter_mut().zip(&mut workspace.runs) {
        sweep.outcome = check(circuit, sweep);
        sweep.trace.start(sweep.stimulus, tangents);
        run.start(layers, sweep);
    }
    run_layers((circuit.wiring(), layers), tangents, sweeps, workspace);
    for (sweep, run) in sweeps.iter_mut().zip(&mut workspace.runs) {
        if sweep.outcome.is_ok() {
            sweep.outcome = finish(circuit, layers, sweep, run);
        }
    }
}

fn check<N: ByParts>(circuit: &Circuit<f64, N>, sweep: &Sweep<'_>) -> Result<(), SweepError> {
    let Sweep { stimulus, options, .. } = sweep;
    requests::check_inputs(stimulus.spikes(), circuit.inputs())?;
    requests::check(options.readouts, circuit.neurons.len(), stimulus.t_end())?;
    requests::check_what_goes_on(options.readouts, circuit)?;
    // Along the way potentials are read of linear neurons alone.
    let is_along_the_way = |measure| !matches!(measure, Measure::Pseudospike { .. });
    let mut requests = options.readouts.iter();
    match requests.any(|r| requests::goes_on(r.neuron, circuit) && is_along_the_way(r.measure)) {
        true => Err(SweepError::Irregular),
        false => Ok(()),
    }
}

/// Writes the trace of a run whose layers have been run.
fn finish<N: ByParts>(
    circuit: &Circuit<f64, N>,
    layers: &Layers,
    sweep: &mut Sweep<'_>,
    run: &mut RunMemory,
) -> Result<(), SweepError> {
    let Sweep { stimulus, trace, .. } = sweep;
    let (inputs, t_end) = (stimulus.spikes(), stimulus.t_end());
    let RunMemory { fired, sampled, tangents, merged, ends, budget, is_irregular, .. } = run;
    if *is_irregular {
        return Err(SweepError::Irregular);
    }
    let known = Known { wiring: circuit.wiring(), layers, inputs, populations: fired, own: None };
    budget.check(known, t_end)?;
    trace.arrivals = known.arrivals(t_end);
    merge(fired, merged, &mut trace.spikes);
    if trace.spikes.windows(2).any(|two| blur(circuit, &two[0], &two[1])) {
        return Err(SweepError::Irregular);
    }
    let answer = |k: usize, readout| sampled[k] = Some((readout, OtherTimeConstants::default()));
    read_pseudospikes(circuit, trace, sweep.options.readouts, ends, answer)?;
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

/// Runs all layers. Generic over nothing, so that each number of receptors is compiled once.
fn run_layers(
    network: (Wiring<'_>, &Layers),
    tangents: Tangents,
    sweeps: &[Sweep<'_>],
    workspace: &mut SweepWorkspace,
) {
    match tangents {
        Tangents::Recorded => run_each::<true>(network, sweeps, workspace),
        Tangents::Omitted => run_each::<false>(network, sweeps, workspace),
    }
}

fn run_each<const TANGENTS: bool>(
    (wiring, layers): (Wiring<'_>, &Layers),
    sweeps: &[Sweep<'_>],
    workspace: &mut SweepWorkspace,
) {
    let SweepWorkspace { runs, layers: memories, cells, apart, quadratic } = workspace;
    let runs = &mut runs[..sweeps.len()];
    let mut watch = Watch::default();
    for layer in layers.layers() {
        let of = Place { wiring, layers, layer };
        macro_rules! run {
            ($body:expr, $memory:expr) => {
                run_layer::<_, TANGENTS>((of, $body), sweeps, runs, &mut $memory, &mut watch)
            };
        }
        if let (Some(of_cells), Bodies::One(body)) = (&layer.cells, &layer.bodies) {
            let memory = (&mut *cells, &mut memories.one.together);
            run_cells::<TANGENTS>((of, of_cells, body), sweeps, runs, memory, &mut watch);
            continue;
        }
        if let (Some(of_apart), Bodies::One(body)) = (&layer.apart, &layer.bodies) {
            let memory = (&mut *apart, &mut memories.one.together);
            run_apart::<TANGENTS>((of, of_apart, body), sweeps, runs, memory, &mut watch);
            continue;
        }
        match &layer.bodies {
            Bodies::One(body) => run!(body, memories.one),
            Bodies::Two(body) => run!(body, memories.two),
            Bodies::Three(body) => run!(body, memories.three),
            Bodies::Four(body) => run!(body, memories.four),
            Bodies::Five(body) => run!(body, memories.five),
            Bodies::Six(body) => run!(body, memories.six),
            Bodies::Quadratic(body) => run_quadratic((of, body), sweeps, runs, quadratic),
        }
    }
}

/// A layer in its network.
#[derive(Clone, Copy, Debug)]
struct Place<'a> {
    wiring: Wiring<'a>,
    layers: &'a Layers,
    layer: &'a Layer,
}

/// Runs a layer in all runs that are not given up: together where that can be.
fn run_layer<const K: usize, const TANGENTS: bool>(
    (of, body): (Place<'_>, &Body<K>),
    sweeps: &[Sweep<'_>],
    runs: &mut [RunMemory],
    memory: &mut LayerMemory<K>,
    watch: &mut Watch,
) {
    let LayerMemory { scratches, together, averages, members } = memory;
    if scratches.len() < runs.len() {
        scratches.resize_with(runs.len(), Scratch::default);
    }
    members.clear();
    for (k, run) in runs.iter_mut().enumerate().filter(|(_, run)| !run.is_irregular) {
        std::mem::swap(&mut run.own, &mut run.fired[of.layer.population]);
        run.look(of, &sweeps[k]);
        let scratch = &mut scratches[k];
        let mut layer = run.layer::<K, TANGENTS>((of, body), &sweeps[k], scratch, watch);
        // Where neurons have several receptors it would be another five times as much code.
        let done = if K == 1 && layer.can_walk() {
            let done = layer.prepare_way(together.way(members.len()));
            if done.is_ok() {
                members.push(k);
            }
            done
        } else if K == 1 && layer.can_only_turn() {
            layer.run_turning(together)
        } else if K == 1 && layer.can_only_average() {
            layer.run_averages(averages)
        } else {
            layer.run()
        };
        run.is_irregular = done.is_err();
    }
    if K == 1 {
        let network = (of.wiring.weights, body);
        together.run_all::<TANGENTS>(network, members.len(), watch, |member, found| {
            let (k, watch) = (members[member], &mut Watch::default());
            let (run, scratch) = (&mut runs[k], &mut scratches[k]);
            match found {
                Ok((fired, order)) => {
                    let mut layer =
                        run.layer::<K, TANGENTS>((of, body), &sweeps[k], scratch, watch);
                    layer.take_spikes(fired, order);
                    layer.look_at_budget();
                }
                Err(Irregular) => run.is_irregular = true,
            }
            run.budget
        });
    }
    for run in runs.iter_mut().filter(|run| !run.is_irregular) {
        std::mem::swap(&mut run.own, &mut run.fired[of.layer.population]);
    }
}

/// Runs a layer of cells in all runs that are not given up, one after the other: the cells of one fill registers.
fn run_cells<const TANGENTS: bool>(
    (of, cells, body): (Place<'_>, &Cells, &Body<1>),
    sweeps: &[Sweep<'_>],
    runs: &mut [RunMemory],
    (scratch, together): (&mut CellScratch, &mut Together<1>),
    watch: &mut Watch,
) {
    let Place { wiring, layers, layer } = of;
    for (run, sweep) in runs.iter_mut().zip(sweeps).filter(|(run, _)| !run.is_irregular) {
        std::mem::swap(&mut run.own, &mut run.fired[layer.population]);
        run.look(of, sweep);
        let RunMemory { fired, own, budget, .. } = run;
        let inputs = sweep.stimulus.spikes();
        let run_of = CellsRun {
            fired: Fired { wiring, layers, inputs, populations: fired },
            layer,
            cells,
            body,
            t_end: sweep.stimulus.t_end(),
            readouts: sweep.options.readouts,
            budget: *budget,
            spikes: own,
            scratch,
        };
        run.is_irregular = run_of.run::<TANGENTS>(together, watch).is_err();
        std::mem::swap(&mut run.own, &mut run.fired[layer.population]);
    }
}

/// Runs a layer of quadratic neurons in all runs that are not given up.
fn run_quadratic(
    (of, body): (Place<'_>, &QuadraticBody),
    sweeps: &[Sweep<'_>],
    runs: &mut [RunMemory],
    scratch: &mut QuadraticScratch,
) {
    let Place { wiring, layers, layer } = of;
    for (run, sweep) in runs.iter_mut().zip(sweeps).filter(|(run, _)| !run.is_irregular) {
        std::mem::swap(&mut run.own, &mut run.fired[layer.population]);
        run.look(of, sweep);
        let RunMemory { fired, own, ends, budget, .. } = run;
        let t_end = sweep.stimulus.t_end();
        // Only the event loop ends a run in which that may be too much.
        if budget.horizon < t_end {
            run.is_irregular = true;
            continue;
        }
        ends.resize(layers.neurons(), Vector::default());
        let inputs = sweep.stimulus.spikes();
        let fired = Fired { wiring, layers, inputs, populations: fired };
        let ends = &mut ends[layer.neurons.clone()];
        let run_of = QuadraticRun { fired, layer, body, t_end, budget, spikes: own, ends, scratch };
        run.is_irregular = run_of.run().is_err();
        std::mem::swap(&mut run.own, &mut run.fired[layer.population]);
    }
}

impl RunMemory {
    fn start(&mut self, layers: &Layers, sweep: &Sweep<'_>) {
        let Self { fired, own, sampled, tangents, budget, is_irregular, .. } = self;
        let count = layers.layers().len();
        tangents.resize(count, Vec::new());
        tangents.iter_mut().for_each(Vec::clear);
        fired.resize(count, Vec::new());
        fired.iter_mut().for_each(Vec::clear);
        own.clear();
        sampled.clear();
        sampled.resize(sweep.options.readouts.len(), None);
        *budget = Budget::new(sweep.options.max_events, sweep.stimulus.t_end());
        *is_irregular = sweep.outcome.is_err();
    }

    /// Counts events before a layer.
    fn look(&mut self, Place { wiring, layers, layer }: Place<'_>, sweep: &Sweep<'_>) {
        let own = Some((layer.population, self.own.as_slice()));
        let inputs = sweep.stimulus.spikes();
        self.budget.look(Known { wiring, layers, inputs, populations: &self.fired, own });
    }

    /// A layer of the run, whose spikes so far are its `own`.
    fn layer<'a, const K: usize, const TANGENTS: bool>(
        &'a mut self,
        (Place { wiring, layers, layer }, body): (Place<'a>, &'a Body<K>),
        sweep: &'a Sweep<'_>,
        scratch: &'a mut Scratch<K>,
        watch: &'a mut Watch,
    ) -> LayerRun<'a, K, TANGENTS> {
        let Self { fired, own, sampled, tangents, budget, .. } = self;
        LayerRun {
            fired: Fired { wiring, layers, inputs: sweep.stimulus.spikes(), populations: fired },
            layer,
            body,
            t_end: budget.horizon,
            readouts: sweep.options.readouts,
            budget,
            spikes: own,
            tangents: &mut tangents[layer.population],
            sampled,
            scratch,
            watch,
        }
    }
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
        let next = |p: usize| fired[p].get(merged[p]).map_or(f64::INFINITY, |spike| spike.time);
        let Earliest { position, others, .. } = Earliest::of((0..fired.len()).map(next));
        let coming = &fired[position][merged[position]..];
        let earlier = coming.iter().take_while(|spike| spike.time < others).count();
        into.extend_from_slice(&coming[..earlier.max(1)]);
        merged[position] += earlier.max(1);
    }
}
