//! A direction among the numbers of a network and its input, in the order in which a circuit has them.
//!
//! Not here: what a run does along it (`spikegrad_adjoint`), the way of a gradient from that order to the parameters (`circuit.rs`).

use crate::{Circuit, Network, Parameters};
use spikegrad_dynamics::lif::LifGradient;

/// By how much each number of a circuit grows.
#[derive(Clone, Debug, Default)]
pub struct Direction {
    /// Each weight.
    pub weights: Vec<f64>,
    /// The delay of each group, in seconds.
    pub delays: Vec<f64>,
    /// The numbers of each neuron.
    pub neurons: Vec<LifGradient<f64>>,
    /// The time of each input spike, in the order of time, in seconds.
    pub input_times: Vec<f64>,
}

impl Direction {
    /// That of `parameters`, which have the form of those of the circuit, and of these input times.
    ///
    /// # Panics
    /// If they have another form.
    #[must_use]
    pub fn of(
        network: &Network,
        circuit: &Circuit,
        parameters: &Parameters,
        input_times: Vec<f64>,
    ) -> Self {
        let mut weights = vec![0.0; circuit.weights.len()];
        let mut delays = Vec::with_capacity(circuit.group_count());
        for group in 0..circuit.group_count() {
            let group = circuit.group(group);
            let values = &parameters.connections[group.connection];
            let index = |place: usize| circuit.weight_of[place] as usize;
            delays.push(values.delay.get(index(group.synapses.start)));
            for place in group.synapses {
                weights[place] = values.weights[index(place)];
            }
        }
        let mut neurons = Vec::with_capacity(circuit.neurons.len());
        for (population, values) in network.populations().iter().zip(&parameters.populations) {
            for k in 0..population.size {
                let mut of_neuron = LifGradient::default();
                for ((_, values), &entry) in values.values().zip(population.model.entries()) {
                    of_neuron[entry] = values.get(k);
                }
                neurons.push(of_neuron);
            }
        }
        Self { weights, delays, neurons, input_times }
    }
}
