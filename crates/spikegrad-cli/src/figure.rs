//! The figure of a run: spikes of the inputs and of each population, and the membrane potentials of the first neurons.
//!
//! Not here: its shapes and axes (`spikegrad_report::plot`), the potentials themselves (`voltages.rs`).

use crate::error::Failure;
use crate::voltages::sample;
use spikegrad::problem::Problem;
use spikegrad::{Model, NeuronId, Trace};
use spikegrad_report::plot::{Population, Spike, VoltageTrace, raster};
use std::path::Path;

/// Samples of a curve: about two for each of its pixels.
const SAMPLES: u32 = 1500;

/// Curves of a population, and in all.
const CURVES_OF_A_POPULATION: usize = 8;
const MOST_CURVES: usize = 64;

/// Draws the spikes of `trace`, and the potentials of the first neurons below them, into the file `path`.
pub(crate) fn draw(
    path: &Path,
    problem: &Problem,
    trace: &Trace,
    max_events: u64,
) -> Result<(), Failure> {
    let network = &problem.network;
    let mut bands = Vec::new();
    let mut spikes = Vec::new();
    if network.inputs() > 0 {
        bands.push(Population { name: "input".into(), size: network.inputs() });
        for spike in trace.stimulus.spikes() {
            spikes.push(Spike { population: 0, neuron: spike.channel, time: spike.time });
        }
    }
    // What never spikes has no band, and its place here is never asked for.
    let mut band_of = Vec::new();
    for population in network.populations() {
        band_of.push(bands.len());
        if population.model == Model::Lif {
            bands.push(Population { name: population.name.clone(), size: population.size });
        }
    }
    for spike in &trace.spikes {
        let (population, neuron) = network.locate(spike.neuron);
        spikes.push(Spike { population: band_of[population], neuron, time: spike.time });
    }
    let curves = curves(problem, trace, max_events)?;
    Ok(raster(path, &bands, &spikes, &curves, trace.stimulus.t_end())?)
}

/// The curves of a figure: samples, and at each spike the jump from threshold to reset.
fn curves(problem: &Problem, trace: &Trace, max_events: u64) -> Result<Vec<VoltageTrace>, Failure> {
    let network = &problem.network;
    let chosen: Vec<usize> = (0..network.populations().len())
        .flat_map(|k| network.range(k).take(CURVES_OF_A_POPULATION))
        .take(MOST_CURVES)
        .collect();
    let part = |k| f64::from(k) / f64::from(SAMPLES);
    let times: Vec<f64> = (0..=SAMPLES).map(|k| trace.stimulus.t_end() * part(k)).collect();
    let read = sample(problem, chosen.iter().copied(), &times, max_events)?;
    let curve = |(&neuron, values): (&usize, Vec<f64>)| {
        let neuron = NeuronId::new(neuron);
        let (population, index) = network.locate(neuron);
        let parameters = &problem.parameters.populations[population];
        let spikes = network.populations()[population].model == Model::Lif;
        let (threshold, reset) = (parameters.v_th.get(index), parameters.v_reset.get(index));
        let jumps = trace.spike_times(neuron).flat_map(|time| [(time, threshold), (time, reset)]);
        // A sample at the time of a spike reads what is after it: the sort is stable.
        let mut points: Vec<(f64, f64)> = jumps.chain(times.iter().copied().zip(values)).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let threshold = spikes.then_some(threshold);
        VoltageTrace { label: network.describe(neuron), threshold, points }
    };
    Ok(chosen.iter().zip(read).map(curve).collect())
}
