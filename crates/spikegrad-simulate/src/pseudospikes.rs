//! Spikes after the end of a run, where a loss reads them: the neurons that take part are looked at when all has happened.
//!
//! Not here: how they go on (`spikegrad_network::Pseudospikes`).

use crate::SimulateError;
use crate::engine::Run;
use spikegrad_dynamics::{GeneralNeuron, GoesOn, Neuron, Scalar, TimeConstants, Vector};
use spikegrad_network::{Measure, NeuronId, Place, Pseudospikes, Readout, Time, widths};

impl<T: Scalar, N: Neuron<T>, const TANGENTS: bool> Run<'_, T, N, TANGENTS> {
    /// Answers all requests for spikes after the run.
    pub(crate) fn read_pseudospikes(&mut self) -> Result<(), SimulateError> {
        let requests = self.options.readouts;
        for of_loss in widths(requests.iter().map(|request| request.measure)) {
            let asked = requests.iter().enumerate().filter_map(|(k, &request)| {
                let Measure::Pseudospike { index, width } = request.measure else { return None };
                (width.to_bits() == of_loss.to_bits()).then_some((k, request, index))
            });
            let read = asked.clone().map(|(_, request, _)| request.neuron);
            let states = self.states_at_the_end();
            let all = Pseudospikes::of(self.circuit, self.trace, read, of_loss, states)?;
            let time = T::from(self.trace.stimulus.t_end());
            for (k, request, index) in asked {
                let [left, period] = all.cycle(self.circuit, request.neuron.index());
                let value = (left + T::from(f64::from(index) - 1.0)) * period;
                let (place, tangent) = (Place::Pseudospike, TimeConstants::default());
                self.workspace.sampled[k] = Some(Readout {
                    request,
                    time,
                    time_remainder: 0.0,
                    value,
                    place,
                    rival: None,
                    tangent,
                });
            }
        }
        Ok(())
    }

    /// States of the neurons that go on, after all that happens at the end.
    fn states_at_the_end(&mut self) -> Vec<Vector<T>> {
        let end = Time::from(T::from(self.trace.stimulus.t_end()));
        let count = self.circuit.neurons.len();
        let state = |n: usize| {
            let goes_on = self.circuit.neurons[n].as_general().map(GeneralNeuron::goes_on);
            let moves = goes_on.is_some_and(|goes_on| goes_on != GoesOn::Never);
            let (state, _) = moves.then(|| self.look(NeuronId::new(n), end))??;
            Some(N::to_vector(state))
        };
        (0..count).map(state).map(Option::unwrap_or_default).collect()
    }
}
