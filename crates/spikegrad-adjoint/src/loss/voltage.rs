//! Losses on the membrane potential of leaky integrators: its maximum, its average, its value at given times.

use super::{Cotangents, Loss, neurons_of, softmax};
use spikegrad_dynamics::Scalar;
use spikegrad_network::{Measure, Network, NeuronId, ReadoutRequest, Trace};

fn whole_run(network: &Network, population: usize, measure: Measure) -> Vec<ReadoutRequest> {
    neurons_of(network, population).map(|neuron| ReadoutRequest { neuron, measure }).collect()
}

fn cross_entropy<T: Scalar>(label: usize, trace: &Trace<T>) -> (T, Cotangents<T>) {
    let scores: Vec<T> = trace.readouts.iter().map(|r| r.value).collect();
    let (value, readouts) = softmax::cross_entropy(&scores, label);
    (value, Cotangents { readouts, ..Cotangents::zeros(trace) })
}

/// `−ln softmax` of the maxima of V over the run, at the label.
#[derive(Clone, Debug, PartialEq)]
pub struct MaxVoltageCrossEntropy {
    /// Position of the population.
    pub population: usize,
    /// The neuron whose maximum shall be the largest.
    pub label: usize,
}

impl<T: Scalar> Loss<T> for MaxVoltageCrossEntropy {
    fn readouts(&self, network: &Network) -> Vec<ReadoutRequest> {
        whole_run(network, self.population, Measure::Maximum)
    }
    fn evaluate(&self, _: &Network, trace: &Trace<T>) -> (T, Cotangents<T>) {
        cross_entropy(self.label, trace)
    }
}

/// `−ln softmax` of the time averages of V over the run, at the label.
#[derive(Clone, Debug, PartialEq)]
pub struct MeanVoltageCrossEntropy {
    /// Position of the population.
    pub population: usize,
    /// The neuron whose average shall be the largest.
    pub label: usize,
}

impl<T: Scalar> Loss<T> for MeanVoltageCrossEntropy {
    fn readouts(&self, network: &Network) -> Vec<ReadoutRequest> {
        whole_run(network, self.population, Measure::Mean)
    }
    fn evaluate(&self, _: &Network, trace: &Trace<T>) -> (T, Cotangents<T>) {
        cross_entropy(self.label, trace)
    }
}

/// `½ Σ (V(time) − target)²`.
#[derive(Clone, Debug, PartialEq)]
pub struct VoltageMse {
    /// Position of the population.
    pub population: usize,
    /// (neuron of the population, time in seconds, target potential).
    pub samples: Vec<(usize, f64, f64)>,
}

impl<T: Scalar> Loss<T> for VoltageMse {
    fn readouts(&self, network: &Network) -> Vec<ReadoutRequest> {
        let first = network.range(self.population).start;
        let request = |&(neuron, time, _): &(usize, f64, f64)| ReadoutRequest {
            neuron: NeuronId::new(first + neuron),
            measure: Measure::Sample { time },
        };
        self.samples.iter().map(request).collect()
    }
    fn evaluate(&self, _: &Network, trace: &Trace<T>) -> (T, Cotangents<T>) {
        let mut value = T::from(0.0);
        let mut cotangents = Cotangents::zeros(trace);
        for (k, &(_, _, target)) in self.samples.iter().enumerate() {
            let error = trace.readouts[k].value - T::from(target);
            value += T::from(0.5) * error * error;
            cotangents.readouts[k] = error;
        }
        (value, cotangents)
    }
}
