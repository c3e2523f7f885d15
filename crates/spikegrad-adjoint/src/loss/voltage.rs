//! Losses on the membrane potential: its maximum, its averages, its value at given times.

use super::{Cotangents, Loss, check, neurons_of, softmax};
use spikegrad_dynamics::Scalar;
use spikegrad_network::{Measure, Network, NetworkError, NeuronId, ReadoutRequest, Trace};

fn whole_run(
    network: &Network,
    population: usize,
    measure: Measure,
    requests: &mut Vec<ReadoutRequest>,
) {
    let request = |neuron| ReadoutRequest { neuron, measure };
    requests.extend(neurons_of(network, population).map(request));
}

fn cross_entropy<T: Scalar>(label: usize, trace: &Trace<T>, cotangents: &mut Cotangents<T>) -> T {
    for (score, readout) in cotangents.readouts.iter_mut().zip(&trace.readouts) {
        *score = readout.value;
    }
    softmax::cross_entropy(&mut cotangents.readouts, label)
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
    fn check(&self, network: &Network) -> Result<(), NetworkError> {
        check::label(network, self.population, self.label)
    }

    fn spikes_read(&self, _: &Network, _: NeuronId) -> usize {
        0
    }
    fn request(&self, network: &Network, requests: &mut Vec<ReadoutRequest>) {
        whole_run(network, self.population, Measure::Maximum, requests);
    }
    fn evaluate_into(&self, _: &Network, trace: &Trace<T>, into: &mut Cotangents<T>) -> T {
        cross_entropy(self.label, trace, into)
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
    fn check(&self, network: &Network) -> Result<(), NetworkError> {
        check::label(network, self.population, self.label)
    }

    fn spikes_read(&self, _: &Network, _: NeuronId) -> usize {
        0
    }
    fn request(&self, network: &Network, requests: &mut Vec<ReadoutRequest>) {
        whole_run(network, self.population, Measure::Mean, requests);
    }
    fn evaluate_into(&self, _: &Network, trace: &Trace<T>, into: &mut Cotangents<T>) -> T {
        cross_entropy(self.label, trace, into)
    }
}

/// `−ln softmax` of the time averages of V under a weight that fades, at the label: loss shaping.
///
/// ```text
/// L = −ln softmax( a_k / scale )[label]      a_k = (1/T) ∫₀ᵀ e^(−t/τ) V_k dt
/// ```
///
/// T. Nowotny, J. P. Turner and J. C. Knight, *Loss shaping enhances exact gradient learning with `EventProp` in spiking neural
/// networks*, Neuromorph. Comput. Eng. 2025 (arXiv:2212.01232), the loss `L_sum_exp`: what comes early counts for more. Their
/// weight is `e^(−t/T)`, which is `tau` = T here, and their scores are integrals over time in ms, which is a `scale` of 1 ms / T.
#[derive(Clone, Debug, PartialEq)]
pub struct ShapedVoltageCrossEntropy {
    /// Position of the population.
    pub population: usize,
    /// The neuron whose average shall be the largest.
    pub label: usize,
    /// How fast the weight fades, τ, in seconds, positive; with an infinite one the averages are means.
    pub tau: f64,
    /// Distance of two averages that counts as decided, in the unit of V, positive.
    pub scale: f64,
}

impl<T: Scalar> Loss<T> for ShapedVoltageCrossEntropy {
    fn check(&self, network: &Network) -> Result<(), NetworkError> {
        check::positive("loss.tau", self.tau)?;
        check::positive("loss.scale", self.scale)?;
        check::label(network, self.population, self.label)
    }

    fn spikes_read(&self, _: &Network, _: NeuronId) -> usize {
        0
    }
    fn request(&self, network: &Network, requests: &mut Vec<ReadoutRequest>) {
        whole_run(network, self.population, Measure::Weighted { tau: self.tau }, requests);
    }
    fn evaluate_into(&self, _: &Network, trace: &Trace<T>, into: &mut Cotangents<T>) -> T {
        let scale = T::from(self.scale);
        for (score, readout) in into.readouts.iter_mut().zip(&trace.readouts) {
            *score = readout.value / scale;
        }
        let value = softmax::cross_entropy(&mut into.readouts, self.label);
        into.readouts.iter_mut().for_each(|derivative| *derivative = *derivative / scale);
        value
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
    fn check(&self, network: &Network) -> Result<(), NetworkError> {
        let count = check::population(network, self.population)?;
        self.samples.iter().enumerate().try_for_each(|(k, &(neuron, ..))| {
            check::neuron(neuron, count, || format!("loss.samples[{k}][0]"))
        })
    }

    fn spikes_read(&self, _: &Network, _: NeuronId) -> usize {
        0
    }
    fn request(&self, network: &Network, requests: &mut Vec<ReadoutRequest>) {
        let first = network.range(self.population).start;
        let request = |&(neuron, time, _): &(usize, f64, f64)| ReadoutRequest {
            neuron: NeuronId::new(first + neuron),
            measure: Measure::Sample { time },
        };
        requests.extend(self.samples.iter().map(request));
    }
    fn evaluate_into(&self, _: &Network, trace: &Trace<T>, into: &mut Cotangents<T>) -> T {
        let mut value = T::from(0.0);
        for (k, &(_, _, target)) in self.samples.iter().enumerate() {
            let error = trace.readouts[k].value - T::from(target);
            value += T::from(0.5) * error * error;
            into.readouts[k] = error;
        }
        value
    }
}
