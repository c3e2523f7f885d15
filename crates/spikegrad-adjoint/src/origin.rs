//! Whether a trace may be one of this network: every neuron and input channel in it exists.
//!
//! Not here: whether the parameters are those of the run, which nobody can tell.

use crate::AdjointError;
use spikegrad_dynamics::{Neuron, Scalar};
use spikegrad_network::{Circuit, Trace};

/// Checks what a trace names.
pub(crate) fn check<T: Scalar, N: Neuron<T>>(
    circuit: &Circuit<T, N>,
    trace: &Trace<T>,
) -> Result<(), AdjointError> {
    let (neurons, inputs) = (circuit.neurons.len(), circuit.inputs());
    let of_spikes = trace.spikes.iter().map(|spike| spike.neuron);
    let of_readouts = trace.readouts.iter().map(|readout| readout.request.neuron);
    if let Some(neuron) = of_spikes.chain(of_readouts).find(|neuron| neuron.index() >= neurons) {
        return Err(AdjointError::ForeignNeuron { neuron, neurons });
    }
    match trace.stimulus.spikes().iter().find(|spike| spike.channel >= inputs) {
        None => Ok(()),
        Some(spike) => Err(AdjointError::ForeignChannel { channel: spike.channel, inputs }),
    }
}
