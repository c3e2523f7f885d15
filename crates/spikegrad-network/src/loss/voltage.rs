//! Losses on the membrane potential: its maximum, its averages, its value at given times.

use super::{Derivatives, Loss, Observation, check, range, softmax};
use crate::{Measure, Network, NetworkError, NeuronId, ReadoutRequest};
use spikegrad_dynamics::Scalar;

/// Asks for a measure of every neuron of a population.
pub(super) fn of_all(
    network: &Network,
    population: &str,
    measure: Measure,
    requests: &mut Vec<ReadoutRequest>,
) {
    let request = |neuron| ReadoutRequest { neuron: NeuronId::new(neuron), measure };
    requests.extend(range(network, population).map(request));
}

fn cross_entropy<T: Scalar>(
    label: usize,
    run: &Observation<'_, T>,
    into: &mut Derivatives<'_, T>,
) -> T {
    for (score, readout) in into.readouts.iter_mut().zip(run.readouts) {
        *score = readout.value;
    }
    softmax::cross_entropy(into.readouts, label)
}

/// `−ln softmax` of the maxima of V over the run, at the label.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "problem-file",
    derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema),
    serde(deny_unknown_fields)
)]
pub struct MaxVoltageCrossEntropy {
    /// Name of the population that is read.
    pub population: String,
    /// The neuron whose maximum shall be the largest.
    pub label: usize,
}

impl<T: Scalar> Loss<T> for MaxVoltageCrossEntropy {
    fn check(&self, network: &Network) -> Result<(), NetworkError> {
        check::label(check::population(network, &self.population)?, self.label)
    }

    fn spikes_read(&self, _: &Network, _: NeuronId) -> usize {
        0
    }
    fn request(&self, network: &Network, requests: &mut Vec<ReadoutRequest>) {
        of_all(network, &self.population, Measure::Maximum, requests);
    }
    fn evaluate_into(&self, run: &Observation<'_, T>, into: &mut Derivatives<'_, T>) -> T {
        cross_entropy(self.label, run, into)
    }
}

/// `−ln softmax` of the time averages of V over the run, at the label.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "problem-file",
    derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema),
    serde(deny_unknown_fields)
)]
pub struct MeanVoltageCrossEntropy {
    /// Name of the population that is read.
    pub population: String,
    /// The neuron whose average shall be the largest.
    pub label: usize,
}

impl<T: Scalar> Loss<T> for MeanVoltageCrossEntropy {
    fn check(&self, network: &Network) -> Result<(), NetworkError> {
        check::label(check::population(network, &self.population)?, self.label)
    }

    fn spikes_read(&self, _: &Network, _: NeuronId) -> usize {
        0
    }
    fn request(&self, network: &Network, requests: &mut Vec<ReadoutRequest>) {
        of_all(network, &self.population, Measure::Mean, requests);
    }
    fn evaluate_into(&self, run: &Observation<'_, T>, into: &mut Derivatives<'_, T>) -> T {
        cross_entropy(self.label, run, into)
    }
}

/// `−ln softmax` of the time averages of V under a weight that decays, at the label: loss shaping.
///
/// ```text
/// L = −ln softmax( a_k / scale )[label]      a_k = (1/T) ∫₀ᵀ e^(−t/τ) V_k dt
/// ```
///
/// T. Nowotny, J. P. Turner and J. C. Knight, *Loss shaping enhances exact gradient learning with `EventProp` in spiking neural
/// networks*, Neuromorph. Comput. Eng. 2025 (arXiv:2212.01232), the loss `L_sum_exp`: what comes early counts for more. Their
/// weight is `e^(−t/T)`, which is `tau` = T here, and their scores are integrals over time in ms, which is a `scale` of 1 ms / T.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "problem-file",
    derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema),
    serde(deny_unknown_fields)
)]
pub struct ShapedVoltageCrossEntropy {
    /// Name of the population that is read.
    pub population: String,
    /// The neuron whose average shall be the largest.
    pub label: usize,
    /// How fast the weight decays, τ, in seconds, positive; with an infinite one the averages are means.
    pub tau: f64,
    /// Distance of two averages that counts as decided, in the unit of V, positive.
    #[cfg_attr(feature = "problem-file", serde(default = "unit"))]
    pub scale: f64,
}

#[cfg(feature = "problem-file")]
fn unit() -> f64 {
    1.0
}

impl<T: Scalar> Loss<T> for ShapedVoltageCrossEntropy {
    fn check(&self, network: &Network) -> Result<(), NetworkError> {
        check::label(check::population(network, &self.population)?, self.label)?;
        check::time_constant("tau", self.tau)?;
        // The weight decays at the inverse.
        let decays = self.tau.recip().is_finite();
        check::value(
            || "tau".into(),
            self.tau,
            decays,
            "a time in seconds whose inverse is finite",
        )?;
        check::value(|| "scale".into(), self.scale, self.scale > 0.0, "a positive number")
    }

    fn spikes_read(&self, _: &Network, _: NeuronId) -> usize {
        0
    }
    fn request(&self, network: &Network, requests: &mut Vec<ReadoutRequest>) {
        of_all(network, &self.population, Measure::Weighted { tau: self.tau }, requests);
    }
    fn evaluate_into(&self, run: &Observation<'_, T>, into: &mut Derivatives<'_, T>) -> T {
        let scale = T::from(self.scale);
        for (score, readout) in into.readouts.iter_mut().zip(run.readouts) {
            *score = readout.value / scale;
        }
        let value = softmax::cross_entropy(into.readouts, self.label);
        into.readouts.iter_mut().for_each(|derivative| *derivative = *derivative / scale);
        value
    }
}

/// `½ Σ (V(time) − target)²`.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "problem-file",
    derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema),
    serde(deny_unknown_fields)
)]
pub struct VoltageMse {
    /// Name of the population that is read.
    pub population: String,
    /// `[neuron of the population, time in seconds, target potential]`.
    pub samples: Vec<(usize, f64, f64)>,
}

impl<T: Scalar> Loss<T> for VoltageMse {
    fn check(&self, network: &Network) -> Result<(), NetworkError> {
        let count = check::population(network, &self.population)?.size;
        self.samples.iter().enumerate().try_for_each(|(k, &(neuron, _, target))| {
            check::neuron(neuron, count, || format!("samples[{k}][0]"))?;
            let place = || format!("samples[{k}][2]");
            check::value(place, target, target.is_finite(), "a finite number")
        })
    }

    fn spikes_read(&self, _: &Network, _: NeuronId) -> usize {
        0
    }
    fn request(&self, network: &Network, requests: &mut Vec<ReadoutRequest>) {
        let first = range(network, &self.population).start;
        let request = |&(neuron, time, _): &(usize, f64, f64)| ReadoutRequest {
            neuron: NeuronId::new(first + neuron),
            measure: Measure::Sample { time },
        };
        requests.extend(self.samples.iter().map(request));
    }
    fn evaluate_into(&self, run: &Observation<'_, T>, into: &mut Derivatives<'_, T>) -> T {
        let mut value = T::from(0.0);
        for (k, &(_, _, target)) in self.samples.iter().enumerate() {
            let error = run.readouts[k].value - T::from(target);
            value += T::from(0.5) * error * error;
            into.readouts[k] = error;
        }
        value
    }
}
