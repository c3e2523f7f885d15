//! Spikes after the end of a run, where a loss reads them: the neurons that take part are looked at when all has happened.
//!
//! Not here: how they go on (`spikegrad_network::Pseudospikes`).

use crate::SimulateError;
use crate::engine::Run;
use crate::requests::goes_on;
use spikegrad_dynamics::{Neuron, Scalar, TimeConstants, Vector};
use spikegrad_network::{
    Circuit, Measure, NeuronId, Place, Pseudospikes, Readout, ReadoutRequest, Time, Trace, widths,
};

/// Answers all requests for spikes after a run at whose end the neurons have these `states`; others are passed over.
pub(crate) fn read_pseudospikes<T: Scalar, N: Neuron<T>>(
    circuit: &Circuit<T, N>,
    trace: &Trace<T>,
    requests: &[ReadoutRequest],
    states: &[Vector<T>],
    mut answer: impl FnMut(usize, Readout<T>),
) -> Result<(), SimulateError> {
    for of_loss in widths(requests.iter().map(|request| request.measure)) {
        let asked = requests.iter().enumerate().filter_map(|(k, &request)| {
            let Measure::Pseudospike { index, width } = request.measure else { return None };
            (width.to_bits() == of_loss.to_bits()).then_some((k, request, index))
        });
        let read = asked.clone().map(|(_, request, _)| request.neuron);
        let all = Pseudospikes::of(circuit, trace, read, of_loss, states.to_vec())?;
        let time = T::from(trace.stimulus.t_end());
        for (k, request, index) in asked {
            let [left, period] = all.cycle(circuit, request.neuron.index());
            let value = (left + T::from(f64::from(index) - 1.0)) * period;
            let (place, tangent) = (Place::Pseudospike, TimeConstants::default());
            answer(
                k,
                Readout { request, time, time_remainder: 0.0, value, place, rival: None, tangent },
            );
        }
    }
    Ok(())
}

impl<T: Scalar, N: Neuron<T>, const TANGENTS: bool> Run<'_, T, N, TANGENTS> {
    /// Answers all requests for spikes after the run.
    pub(crate) fn read_pseudospikes(&mut self) -> Result<(), SimulateError> {
        let (circuit, requests) = (self.circuit, self.options.readouts);
        if !requests.iter().any(|r| matches!(r.measure, Measure::Pseudospike { .. })) {
            return Ok(());
        }
        let states = self.states_at_the_end();
        let sampled = &mut self.workspace.sampled;
        let answer = |k: usize, readout| sampled[k] = Some(readout);
        read_pseudospikes(circuit, self.trace, requests, &states, answer)
    }

    /// States of the neurons that go on, after all that happens at the end.
    fn states_at_the_end(&mut self) -> Vec<Vector<T>> {
        let end = Time::from(T::from(self.trace.stimulus.t_end()));
        let count = self.circuit.neurons.len();
        let state = |neuron: NeuronId| {
            let moves = goes_on(neuron, self.circuit);
            let (state, _) = moves.then(|| self.look(neuron, end))??;
            Some(N::to_vector(state))
        };
        (0..count).map(NeuronId::new).map(state).map(Option::unwrap_or_default).collect()
    }
}
