//! Whether a run can be started: the channels of its input, and what it is to record.
//!
//! Not here: how that is recorded (`readouts.rs`, `observer.rs`, `sweep/peaks.rs`).

use crate::SimulateError;
use spikegrad_dynamics::{GeneralNeuron, GoesOn, Neuron, Scalar};
use spikegrad_network::{
    Circuit, InputSpike, Measure, NeuronId, NoPseudospikes, PseudospikeError, ReadoutRequest,
};

/// Checks that a network of so many `inputs` has the channels of all input spikes.
pub(crate) fn check_inputs<T: Scalar>(
    spikes: &[InputSpike<T>],
    inputs: usize,
) -> Result<(), SimulateError> {
    match spikes.iter().find(|spike| spike.channel >= inputs) {
        None => Ok(()),
        Some(spike) => Err(SimulateError::Channel { channel: spike.channel, inputs }),
    }
}

/// Checks the read-outs of a run of `neurons` neurons that ends at `t_end`, in seconds.
pub(crate) fn check(
    requests: &[ReadoutRequest],
    neurons: usize,
    t_end: f64,
) -> Result<(), SimulateError> {
    for (request, &ReadoutRequest { neuron, measure }) in requests.iter().enumerate() {
        if neuron.index() >= neurons {
            return Err(SimulateError::ReadoutNeuron { request, neuron, neurons });
        }
        match measure {
            Measure::Sample { time } if !(0.0..=t_end).contains(&time) => {
                return Err(SimulateError::SampleTime { request, time, t_end });
            }
            Measure::Weighted { tau } if !(tau > 0.0 && tau.recip().is_finite()) => {
                return Err(SimulateError::Fading { request, tau });
            }
            Measure::Mean | Measure::Weighted { .. } if t_end <= 0.0 => {
                return Err(SimulateError::NoTime { request });
            }
            Measure::Pseudospike { width, .. } if !(width > 0.0 && width.is_finite()) => {
                return Err(SimulateError::Width { request, width });
            }
            Measure::Sample { .. }
            | Measure::Pseudospike { .. }
            | Measure::Maximum
            | Measure::Mean
            | Measure::Weighted { .. } => {}
        }
    }
    Ok(())
}

/// Whether a neuron goes on once the run has ended.
pub(crate) fn goes_on<T: Scalar, N: Neuron<T>>(neuron: NeuronId, circuit: &Circuit<T, N>) -> bool {
    let goes_on = circuit.neurons[neuron.index()].as_general().map(GeneralNeuron::goes_on);
    goes_on.is_some_and(|goes_on| goes_on != GoesOn::Never)
}

/// Refuses spikes after the run of neurons that do not go on.
pub(crate) fn check_what_goes_on<N: Neuron<f64>>(
    requests: &[ReadoutRequest],
    circuit: &Circuit<f64, N>,
) -> Result<(), SimulateError> {
    let is_refused = |r: &&ReadoutRequest| {
        matches!(r.measure, Measure::Pseudospike { .. }) && !goes_on(r.neuron, circuit)
    };
    match requests.iter().find(is_refused) {
        None => Ok(()),
        Some(request) => {
            let (neuron, reason) = (circuit.named(request.neuron), NoPseudospikes::Model);
            Err(PseudospikeError { neuron, reason }.into())
        }
    }
}
