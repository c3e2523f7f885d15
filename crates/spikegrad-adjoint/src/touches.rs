//! Potentials that touch their threshold: which of them the loss may depend on.
//!
//! At a touch a spike is about to appear, and whatever depends on that spike jumps. How far it would reach follows from the network
//! alone: it resets its own neuron, it arrives at its targets, and these may then spike at any time. So for each neuron there is a
//! last time at which something that happens to it can still reach what the loss reads; going backwards through the synapses, that
//! time is earlier by the delay. A touch after it has no effect, and the gradient is the same on both sides.
//!
//! A synapse counts whatever its weight: the derivative with respect to the weight depends on the spike even where that is 0.
//! Not here: what becomes of a touch that matters (`grazing.rs`).

use crate::{AdjointError, Grazing};
use spikegrad_dynamics::{Neuron, Scalar};
use spikegrad_network::loss::{Cotangents, Loss};
use spikegrad_network::{Circuit, Measure, Network, NeuronId, Time, Trace};

/// Says of each touch of `trace` whether the loss may depend on it: writes [`Cotangents::touches`].
///
/// `circuit` is that of the run, and `cotangents` are what `loss` said of it; the two may be of another number than the run.
pub fn judge_touches<T: Scalar, N: Neuron<T>, U: Scalar>(
    network: &Network,
    circuit: &Circuit<T, N>,
    trace: &Trace<T>,
    loss: &dyn Loss<U>,
    cotangents: &mut Cotangents<U>,
) {
    cotangents.touches.clear();
    if trace.touches.is_empty() {
        return;
    }
    let mut last = last_reads(network, trace, loss, cotangents);
    reach_back(circuit, &mut last);
    let matters = |touch: &spikegrad_network::Touch| {
        last[touch.neuron.index()].is_some_and(|last| touch.time <= last)
    };
    cotangents.touches.extend(trace.touches.iter().map(matters));
}

/// For each neuron, the last time at which something of it is read, be it a spike that is yet to appear.
fn last_reads<T: Scalar, U: Scalar>(
    network: &Network,
    trace: &Trace<T>,
    loss: &dyn Loss<U>,
    cotangents: &Cotangents<U>,
) -> Vec<Option<f64>> {
    let t_end = trace.stimulus.t_end();
    let mut counts = vec![0; network.neurons()];
    let mut last = vec![None; network.neurons()];
    let reads: Vec<usize> =
        (0..network.neurons()).map(|n| loss.spikes_read(network, NeuronId::new(n))).collect();
    for spike in &trace.spikes {
        let n = spike.neuron.index();
        counts[n] += 1;
        if counts[n] <= reads[n] {
            last[n] = Some(spike.time.re());
        }
    }
    for (n, last) in last.iter_mut().enumerate() {
        if counts[n] < reads[n] {
            *last = Some(t_end);
        }
    }
    note_readouts(trace, cotangents, &mut last);
    last
}

/// Notes for each neuron the last time at which its potential is read.
pub(crate) fn note_readouts<T: Scalar, U: Scalar>(
    trace: &Trace<T>,
    cotangents: &Cotangents<U>,
    last: &mut [Option<f64>],
) {
    let t_end = trace.stimulus.t_end();
    for (readout, cotangent) in trace.readouts.iter().zip(&cotangents.readouts) {
        if cotangent.is_exactly_zero() {
            continue;
        }
        let time = match readout.request.measure {
            Measure::Sample { time } => time,
            // What is still on its way at the end matters, too.
            Measure::Pseudospike { .. } => f64::INFINITY,
            // Another spike, and another maximum, may come at any time.
            Measure::Maximum | Measure::Mean | Measure::Weighted { .. } => t_end,
        };
        let last = &mut last[readout.request.neuron.index()];
        *last = Some(last.map_or(time, |last| last.max(time)));
    }
}

/// Makes of the last time at which each neuron is read the last time at which it may have an effect on what is read.
pub(crate) fn reach_back<T: Scalar, N: Neuron<T>>(
    circuit: &Circuit<T, N>,
    last: &mut [Option<f64>],
) {
    // Populations mostly come after those that they hear: then one pass is enough, and another to see it.
    let mut has_changed = true;
    while std::mem::take(&mut has_changed) {
        for n in (0..last.len()).rev() {
            for group in circuit.groups_of(circuit.source_of(NeuronId::new(n))) {
                let targets = &circuit.targets[circuit.synapses(group)];
                let arrivals = targets.iter().filter_map(|target| last[target.index()]);
                let Some(arrival) = arrivals.reduce(f64::max) else { continue };
                // Rounded to the later side.
                let fired = Time::from(arrival).after(-circuit.delay(group).re());
                let fired =
                    if fired.remainder > 0.0 { fired.rounded.next_up() } else { fired.rounded };
                if last[n].is_none_or(|last| fired > last) {
                    last[n] = Some(fired);
                    has_changed = true;
                }
            }
        }
    }
}

/// Whether `cotangents` fit the trace, and `policy` allows the touches that matter.
pub(crate) fn check<T: Scalar, N: Neuron<T>, U>(
    circuit: &Circuit<T, N>,
    trace: &Trace<T>,
    cotangents: &Cotangents<U>,
    policy: Grazing,
) -> Result<(), AdjointError> {
    let (spikes, readouts) = (cotangents.spikes.len(), cotangents.readouts.len());
    let (expected_spikes, expected_readouts) = (trace.spikes.len(), trace.readouts.len());
    if (spikes, readouts) != (expected_spikes, expected_readouts) {
        return Err(AdjointError::Cotangents {
            spikes,
            readouts,
            expected_spikes,
            expected_readouts,
        });
    }
    let matter = trace.touches.iter().enumerate().filter(|&(k, _)| cotangents.touch_matters(k));
    match (policy, matter.map(|(_, touch)| touch).next()) {
        (Grazing::Fail, Some(touch)) => {
            let neuron = circuit.named(touch.neuron);
            Err(AdjointError::Grazing { neuron, time: touch.time, slope: 0.0 })
        }
        _ => Ok(()),
    }
}
