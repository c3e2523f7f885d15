//! Cross-entropy of first-spike times (time to first spike).
//!
//! ```text
//! L = −ln( e^(−t_label/τ₀) / Σ_k e^(−t_k/τ₀) ) + α (e^(t_label/τ₁) − 1)
//! ```
//! Wunderlich and Pehle 2021, in the sign of their code (an early label is favoured). A silent neuron counts as one that
//! spikes at the end of the run, a constant, unless the loss is asked to let it go on (`missing.rs`).

use super::{Derivatives, Loss, Observation, check, missing, of_population, range, softmax};
use crate::{Network, NetworkError, NeuronId, ReadoutRequest, Time};
use spikegrad_dynamics::Scalar;

/// Cross-entropy of first-spike times of a population; times in seconds.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "problem-file",
    derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema),
    serde(deny_unknown_fields)
)]
pub struct TtfsCrossEntropy {
    /// Name of the population that is read.
    pub population: String,
    /// The neuron that shall be first.
    pub label: usize,
    /// Scale τ₀ of the softmax, in seconds.
    pub tau0: f64,
    /// Scale τ₁ of the regulariser, in seconds.
    #[cfg_attr(feature = "problem-file", serde(default = "second"))]
    pub tau1: f64,
    /// Weight α of the regulariser.
    #[cfg_attr(feature = "problem-file", serde(default))]
    pub alpha: f64,
    /// Whether spikes that did not happen have a time after the run, at which the neuron would go on by itself, so that the loss is
    /// continuous where spikes leave the run; only of `qif` and `qif_delta` populations.
    #[cfg_attr(
        feature = "problem-file",
        serde(default, skip_serializing_if = "std::ops::Not::not")
    )]
    pub pseudospikes: bool,
    /// Width of the softplus that makes the drive of `qif` neurons positive after the run; 10 unless given.
    #[cfg_attr(feature = "problem-file", serde(default, skip_serializing_if = "Option::is_none"))]
    pub pseudo_alpha: Option<f64>,
}

fn second() -> f64 {
    1.0
}

impl<T: Scalar> Loss<T> for TtfsCrossEntropy {
    fn check(&self, network: &Network) -> Result<(), NetworkError> {
        let population = check::spiking(network, &self.population)?;
        check::label(population, self.label)?;
        if self.pseudospikes {
            missing::check(network, population, self.pseudo_alpha)?;
        }
        check::time_constant("tau0", self.tau0)?;
        check::time_constant("tau1", self.tau1)?;
        check::finite("alpha", self.alpha)
    }

    fn request(&self, network: &Network, requests: &mut Vec<ReadoutRequest>) {
        if self.pseudospikes {
            for neuron in range(network, &self.population) {
                missing::request(neuron, 1, self.pseudo_alpha, requests);
            }
        }
    }

    fn spikes_read(&self, network: &Network, neuron: NeuronId) -> usize {
        of_population(network, &self.population, neuron, 1)
    }

    fn evaluate_into(&self, run: &Observation<'_, T>, into: &mut Derivatives<'_, T>) -> T {
        let end = Time::from(T::from(run.t_end));
        let silent = |n: usize| run.readouts.get(n).map_or(end, |next| end.after(next.value));
        let at = |k: usize| run.spikes[k].at();
        let spikes = || run.spikes_of(&self.population);
        // A softmax knows differences alone: times count from the first spike, so that a late one loses no digits.
        let first = spikes().next().map_or(end, |(k, _)| at(k));
        let score = |time: Time<T>| -time.since(first) / T::from(self.tau0);
        let scores = &mut into.memory.numbers;
        scores.clear();
        scores.extend((0..run.neurons(&self.population).len()).map(|n| score(silent(n))));
        let mut label = (None, silent(self.label));
        // The last one written is the first that spiked.
        for (k, n) in spikes().rev() {
            scores[n] = score(at(k));
            if n == self.label {
                label = (Some(k), at(k));
            }
        }
        let mut value = softmax::cross_entropy(scores, self.label);
        for (k, n) in spikes() {
            // Later spikes of the neuron find nothing left.
            into.spikes[k] = -std::mem::replace(&mut scores[n], T::from(0.0)) / T::from(self.tau0);
        }
        for (derivative, score) in into.readouts.iter_mut().zip(scores.iter()) {
            *derivative = -*score / T::from(self.tau0);
        }
        if self.alpha != 0.0 {
            let (spike, time) = label;
            let (growth, less_one) = self.growth(time);
            value += T::from(self.alpha) * less_one;
            let of_time = T::from(self.alpha / self.tau1) * growth;
            if let Some(spike) = spike {
                into.spikes[spike] += of_time;
            } else if let Some(derivative) = into.readouts.get_mut(self.label) {
                *derivative += of_time;
            }
        }
        value
    }
}

impl TtfsCrossEntropy {
    /// Without a regulariser; a neuron that does not spike counts as one that spikes at the end.
    pub fn new(population: impl Into<String>, label: usize, tau0: f64) -> Self {
        let (tau1, alpha) = (second(), 0.0);
        let (pseudospikes, pseudo_alpha) = (false, None);
        Self { population: population.into(), label, tau0, tau1, alpha, pseudospikes, pseudo_alpha }
    }

    /// `e^(t/τ₁)`, and the same less one.
    ///
    /// What the rounding of the time and of the quotient left off is added behind the exponential, which would magnify it.
    fn growth<T: Scalar>(&self, time: Time<T>) -> (T, T) {
        let late = time.rounded / T::from(self.tau1);
        let rest = late.re().mul_add(-self.tau1, time.rounded.re()) + time.remainder;
        let rest = T::from(rest / self.tau1);
        let growth = late.exp();
        (growth + growth * rest, late.exp_m1() + growth * rest)
    }
}
