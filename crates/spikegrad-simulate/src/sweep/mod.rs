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
//! threshold, numbers that are not finite. The sweep then gives up with [`SweepError::Irregular`], and the event loop, which knows
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
use spikegrad_network::{Circuit, Layers, Readout, Spike, Stimulus, Tangents, Trace};
use thiserror::Error;
use wave::Crossing;

/// The run holds something that only the event loop decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Irregular;

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
    sampled: Vec<Option<Readout>>,
    /// How many spikes of each population are merged.
    merged: Vec<usize>,
    scratch: Scratch,
}

/// Runs a layered network from time 0 to the end of `stimulus`. `trace` is overwritten.
///
/// `layers` must be those of `circuit`.
///
/// # Errors
/// [`SweepError::Irregular`] where [`crate::simulate_into`] has to do the run, else its error; the trace is then not usable.
pub fn sweep_into(
    circuit: &Circuit,
    layers: &Layers,
    stimulus: &Stimulus,
    options: Options<'_>,
    workspace: &mut SweepWorkspace,
    trace: &mut Trace,
) -> Result<(), SweepError> {
    sweep::<true>(circuit, layers, stimulus, options, workspace, trace)
}

/// Like [`sweep_into`], for a run that nobody will differentiate: see [`crate::simulate_forward_into`].
///
/// # Errors
/// As [`sweep_into`].
pub fn sweep_forward_into(
    circuit: &Circuit,
    layers: &Layers,
    stimulus: &Stimulus,
    options: Options<'_>,
    workspace: &mut SweepWorkspace,
    trace: &mut Trace,
) -> Result<(), SweepError> {
    sweep::<false>(circuit, layers, stimulus, options, workspace, trace)
}

fn sweep<const TANGENTS: bool>(
    circuit: &Circuit,
    layers: &Layers,
    stimulus: &Stimulus,
    options: Options<'_>,
    workspace: &mut SweepWorkspace,
    trace: &mut Trace,
) -> Result<(), SweepError> {
    let (inputs, t_end) = (stimulus.spikes(), stimulus.t_end());
    trace.stimulus.clone_from(stimulus);
    trace.spikes.clear();
    trace.readouts.clear();
    trace.touches.clear();
    trace.arrivals = 0;
    trace.tangents = if TANGENTS { Tangents::Recorded } else { Tangents::Omitted };
    requests::check_inputs(inputs, circuit.inputs())?;
    requests::check(options.readouts, circuit.neurons.len(), t_end)?;
    requests::check_linear(options.readouts, circuit)?;
    let SweepWorkspace { fired, sampled, merged, scratch } = workspace;
    fired.resize(layers.layers().len(), Vec::new());
    fired.iter_mut().for_each(Vec::clear);
    sampled.clear();
    sampled.resize(options.readouts.len(), None);
    let mut budget = Budget::new(options.max_events, t_end);
    for layer in layers.layers() {
        let mut spikes = std::mem::take(&mut fired[layer.population]);
        let own = Some((layer.population, spikes.as_slice()));
        budget.look(Known { layers, inputs, populations: fired, own });
        let result = LayerRun::<TANGENTS> {
            fired: Fired { circuit, inputs, populations: fired },
            layers,
            layer,
            t_end: budget.horizon,
            readouts: options.readouts,
            budget: &mut budget,
            spikes: &mut spikes,
            sampled,
            scratch,
        }
        .run();
        fired[layer.population] = spikes;
        result?;
    }
    let known = Known { layers, inputs, populations: fired, own: None };
    budget.check(known, t_end)?;
    trace.arrivals = known.arrivals(t_end);
    merge(fired, merged, &mut trace.spikes);
    if trace.spikes.windows(2).any(|two| blur(circuit, &two[0], &two[1])) {
        return Err(SweepError::Irregular);
    }
    trace.readouts.extend(sampled.iter().flatten());
    if trace.readouts.len() == sampled.len() { Ok(()) } else { Err(SweepError::Irregular) }
}

/// Whether only the event loop may say in which order two spikes come. Equal neurons spike at the very same time for both.
fn blur(circuit: &Circuit, first: &Spike, second: &Spike) -> bool {
    let crossing = |spike: &Spike| Crossing { time: spike.at(), slope: spike.slope };
    let model = |spike: &Spike| &circuit.neurons[spike.neuron.index()];
    first.neuron != second.neuron
        && first.at() != second.at()
        && (crossing(first).blurs(model(first), second.at())
            || crossing(second).blurs(model(second), first.at()))
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
