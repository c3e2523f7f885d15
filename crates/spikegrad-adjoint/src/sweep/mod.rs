//! The layered sweep, backwards: the gradient of the event-by-event walk, with no queue.
//!
//! In a network of [`Layers`] the adjoint of a spike time is known once all later layers have been gone through. So layers are taken
//! from the last to the first, each from the end of the run to its beginning, all of its neurons side by side.
//!
//! | file | holds |
//! | --- | --- |
//! | `schedule.rs` | what happened to a layer, read from the trace |
//! | `layer.rs` | one layer, from stretch to stretch |
//!
//! Not here: several rounds at one instant, which only the event-by-event walk takes apart (`backward.rs`), the pass over
//! all adjoints of a layer (`spikegrad_dynamics::lanes`).

mod layer;
mod schedule;

use crate::backward::is_lost;
use crate::touches::check;
use crate::{AdjointError, GradientSum, Grazing, origin};
use layer::{LayerSweep, Scratch};
use schedule::Spikes;
use spikegrad_dynamics::Neuron;
use spikegrad_network::loss::Cotangents;
use spikegrad_network::{Circuit, Layers, Spike, Trace};

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
    scratch: Scratch,
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

/// Whether a sweep can walk this trace of a layered network: no instant was run in more than one round, and no refractory
/// time was so short that it ended at the instant of its spike.
#[must_use]
pub fn is_sweepable(circuit: &Circuit, trace: &Trace) -> bool {
    let is_plain = |spike: &Spike| {
        let refractory = circuit.neurons[spike.neuron.index()].refractory();
        spike.round == 0 && !is_lost(spike.at(), refractory)
    };
    trace.spikes.iter().all(is_plain)
        && trace.readouts.iter().all(|readout| readout.cusp().is_none_or(|cusp| cusp.round == 0))
}

/// Like [`crate::backward_into`], for a trace that [`is_sweepable`] of a network of `layers`;
/// ∂L/∂(input times) stands in the workspace.
///
/// # Errors
/// As [`crate::backward`]; `sum` is then not usable.
pub fn sweep_backward_into(
    circuit: &Circuit,
    layers: &Layers,
    trace: &Trace,
    cotangents: &Cotangents,
    policy: Grazing,
    workspace: &mut BackwardSweepWorkspace,
    sum: &mut GradientSum,
) -> Result<(), AdjointError> {
    origin::check(circuit, trace)?;
    if !sum.fits(circuit, trace) {
        return Err(AdjointError::NoTangents);
    }
    check(circuit, trace, cotangents, policy)?;
    let BackwardSweepWorkspace { times, inputs: count, spikes, input_times, scratch } = workspace;
    let inputs = trace.stimulus.spikes().len();
    *count = inputs;
    times.clear();
    times.resize(inputs + trace.spikes.len(), 0.0);
    spikes.resize(layers.layers().len(), Vec::new());
    spikes.iter_mut().for_each(Vec::clear);
    for (k, spike) in trace.spikes.iter().enumerate() {
        spikes[layers.population_of(spike.neuron)].push(k);
    }
    for layer in layers.layers().iter().rev() {
        LayerSweep { circuit, layer, trace, spikes, cotangents, policy, times, scratch, sum }
            .run()?;
    }
    trace.stimulus.in_given_order_into(&times[..inputs], input_times);
    Ok(())
}
