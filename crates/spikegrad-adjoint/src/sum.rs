//! Gradients of a circuit, summed over runs, and the way back to the shape of the parameters.
//!
//! Not here: what is added to a sum (`backward.rs`, `sweep/`), which runs are summed (the facade's batches).

use spikegrad_dynamics::{Lif, NeuronAdjoint, NeuronGradient, Scalar};
use spikegrad_network::{Circuit, Network, Parameters, Tangents, Trace, Values};

/// Gradients of a circuit, summed over runs.
#[derive(Clone, Debug)]
pub struct GradientSum<T: Scalar = f64, N: NeuronAdjoint<T> = Lif<T>> {
    /// For each synapse of the circuit.
    pub(crate) weights: Vec<T>,
    /// For each group of the circuit.
    pub(crate) delays: Vec<T>,
    pub(crate) neurons: Vec<N::Gradient>,
    /// Whether the derivatives with respect to time constants are asked for.
    pub(crate) has_time_constants: bool,
    /// Whether those with respect to the times of input spikes are, and with respect to the delays that these have.
    pub(crate) has_input_times: bool,
}

impl<T: Scalar, N: NeuronAdjoint<T>> GradientSum<T, N> {
    /// Zero.
    #[must_use]
    pub fn new(circuit: &Circuit<T, N>) -> Self {
        let zero = T::from(0.0);
        Self {
            weights: vec![zero; circuit.weights.len()],
            delays: vec![zero; circuit.group_count()],
            neurons: vec![N::Gradient::default(); circuit.neurons.len()],
            has_time_constants: true,
            has_input_times: true,
        }
    }

    /// Without the derivatives with respect to the time constants of linear neurons: traces that do not hold these ([`Tangents::Omitted`]) may be added, and they stay
    /// zero.
    #[must_use]
    pub fn without_time_constants(self) -> Self {
        Self { has_time_constants: false, ..self }
    }

    /// Without the derivatives with respect to the times of input spikes and to the delays of their connections, which stay zero.
    #[must_use]
    pub fn without_input_times(self) -> Self {
        Self { has_input_times: false, ..self }
    }

    /// Whether `trace`, of a run of `circuit`, holds what is asked for.
    pub(crate) fn fits(&self, circuit: &Circuit<T, N>, trace: &Trace<T>) -> bool {
        let has_tape = || trace.tape.last.len() == circuit.neurons.len();
        let is_linear = || circuit.neurons.iter().all(|neuron| neuron.as_general().is_none());
        self.has_tangents(trace) && (has_tape() || is_linear())
    }

    /// Whether the derivatives with respect to time constants are there, if they are asked for.
    pub(crate) fn has_tangents(&self, trace: &Trace<T>) -> bool {
        !self.has_time_constants || trace.tangents == Tangents::Recorded
    }

    /// Zero again.
    pub fn clear(&mut self) {
        let zero = T::from(0.0);
        self.weights.fill(zero);
        self.delays.fill(zero);
        self.neurons.fill(N::Gradient::default());
    }

    /// Adds another sum over the same circuit, which is then zero.
    pub fn take(&mut self, other: &mut Self) {
        let zero = T::from(0.0);
        let take = |into: &mut [T], from: &mut [T]| {
            into.iter_mut().zip(from).for_each(|(a, b)| *a += std::mem::replace(b, zero));
        };
        take(&mut self.weights, &mut other.weights);
        take(&mut self.delays, &mut other.delays);
        for (a, b) in self.neurons.iter_mut().zip(&mut other.neurons) {
            a.add(&std::mem::take(b));
        }
    }

    /// All of its numbers in a row, to be sent elsewhere.
    #[must_use]
    pub fn to_row(&self) -> Vec<T> {
        let neurons = self.neurons.iter().flat_map(NeuronGradient::as_slice);
        self.weights.iter().chain(&self.delays).chain(neurons).copied().collect()
    }

    /// Takes numbers in the order of [`to_row`](Self::to_row).
    ///
    /// # Panics
    ///
    /// If they are fewer than the sum has.
    pub fn set_row(&mut self, row: &[T]) {
        let (weights, row) = row.split_at(self.weights.len());
        let (delays, mut row) = row.split_at(self.delays.len());
        self.weights.copy_from_slice(weights);
        self.delays.copy_from_slice(delays);
        for neuron in &mut self.neurons {
            let into = neuron.as_mut_slice();
            let (values, rest) = row.split_at(into.len());
            into.copy_from_slice(values);
            row = rest;
        }
    }

    /// Whether every entry is finite.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        self.weights.iter().chain(&self.delays).all(|x| x.is_all_finite())
            && self.neurons.iter().all(NeuronGradient::is_finite)
    }
}

impl<T: Scalar, N: NeuronAdjoint<T>> GradientSum<T, N> {
    /// The sum in the shape of the circuit's parameters.
    #[must_use]
    pub fn to_parameters(&self, network: &Network, circuit: &Circuit<T, N>) -> Parameters<T> {
        let mut gradient = Parameters { populations: Vec::new(), connections: Vec::new() };
        self.write(network, circuit, &mut gradient);
        gradient
    }

    /// Writes the sum into `gradient`, which gets the form of the circuit's parameters if it has another.
    pub fn write(&self, network: &Network, circuit: &Circuit<T, N>, gradient: &mut Parameters<T>) {
        circuit.form().give(network, gradient);
        circuit.gather(&self.weights, &self.delays, gradient);
        for (k, into) in gradient.populations.iter_mut().enumerate() {
            let (neurons, model) =
                (&self.neurons[network.range(k)], network.populations()[k].model);
            for ((_, values), &entry) in into.values_mut().zip(model.entries()) {
                let each = neurons.iter().map(|neuron| neuron.as_slice()[entry]);
                match values {
                    Values::Shared(sum) => *sum = each.fold(T::from(0.0), |sum, x| sum + x),
                    Values::Each(list) => list.iter_mut().zip(each).for_each(|(into, x)| *into = x),
                }
            }
        }
    }
}
