//! The layered sweep: the same run as that of the event loop, with no queue.
//!
//! In a network of [`Layers`] nothing that a layer does comes back to an earlier one. So each layer is worked off from
//! beginning to end before the next, all of its neurons side by side from one arrival to the next, and what it fired is
//! what the next one hears. Who may spike along a stretch is told by a bound, and searched for.
//!
//! | file | holds |
//! | --- | --- |
//! | `arrivals.rs` | what reaches a layer, and when |
//! | `columns.rs` | the pass over all neurons of a layer |
//! | `wave.rs` | the neurons that spike, worked off together |
//! | `layer.rs` | one layer, from stretch to stretch |
//! | `peaks.rs` | read-outs of leaky integrators |
//!
//! What is out of the ordinary is not decided here: several rounds at an instant, a potential that only touches its
//! threshold, numbers that are not finite, a budget that is spent. The sweep then gives up with [`Irregular`], and the
//! event loop, which knows all of this, does the run. Not here: the event loop (`engine.rs`).

mod arrivals;
mod columns;
mod layer;
mod peaks;
mod wave;

use crate::{Options, requests};
use arrivals::Fired;
use layer::{LayerRun, Scratch};
use spikegrad_network::{Circuit, Layers, Readout, Spike, Stimulus, Tangents, Trace};
use thiserror::Error;
use wave::Crossing;

/// The run holds something that only the event loop decides.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("something out of the ordinary happened, which only the event loop decides")]
pub struct Irregular;

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
/// [`Irregular`] where [`crate::simulate_into`] has to do the run; the trace is then not usable.
pub fn sweep_into(
    circuit: &Circuit,
    layers: &Layers,
    stimulus: &Stimulus,
    options: &Options,
    workspace: &mut SweepWorkspace,
    trace: &mut Trace,
) -> Result<(), Irregular> {
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
    options: &Options,
    workspace: &mut SweepWorkspace,
    trace: &mut Trace,
) -> Result<(), Irregular> {
    sweep::<false>(circuit, layers, stimulus, options, workspace, trace)
}

fn sweep<const TANGENTS: bool>(
    circuit: &Circuit,
    layers: &Layers,
    stimulus: &Stimulus,
    options: &Options,
    workspace: &mut SweepWorkspace,
    trace: &mut Trace,
) -> Result<(), Irregular> {
    let requested = requests::check(&options.readouts, circuit.neurons.len(), stimulus.t_end());
    if requested.is_err() || stimulus.spikes().iter().any(|s| s.channel >= circuit.inputs()) {
        return Err(Irregular);
    }
    trace.stimulus.clone_from(stimulus);
    trace.spikes.clear();
    trace.readouts.clear();
    trace.touches.clear();
    trace.tangents = if TANGENTS { Tangents::Recorded } else { Tangents::Omitted };
    let SweepWorkspace { fired, sampled, merged, scratch } = workspace;
    fired.resize(layers.layers().len(), Vec::new());
    fired.iter_mut().for_each(Vec::clear);
    sampled.clear();
    sampled.resize(options.readouts.len(), None);
    let mut events = 0;
    for layer in layers.layers() {
        let mut spikes = std::mem::take(&mut fired[layer.population]);
        let result = LayerRun::<TANGENTS> {
            fired: Fired { circuit, inputs: stimulus.spikes(), populations: fired },
            layer,
            t_end: stimulus.t_end(),
            options,
            events: &mut events,
            spikes: &mut spikes,
            sampled,
            scratch,
        }
        .run();
        fired[layer.population] = spikes;
        result?;
    }
    merge(fired, merged, &mut trace.spikes);
    if trace.spikes.windows(2).any(|two| blur(circuit, &two[0], &two[1])) {
        return Err(Irregular);
    }
    trace.arrivals = events - trace.spikes.len() as u64;
    trace.readouts.extend(sampled.iter().flatten());
    if trace.readouts.len() == sampled.len() { Ok(()) } else { Err(Irregular) }
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
fn merge(fired: &[Vec<Spike>], merged: &mut Vec<usize>, into: &mut Vec<Spike>) {
    merged.clear();
    merged.resize(fired.len(), 0);
    let count = fired.iter().map(Vec::len).sum();
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
