//! Sums of losses with weights.

use super::{AnyLoss, Derivatives, Loss, LossMemory, Observation, check};
use crate::{Network, NetworkError, NeuronId, ReadoutRequest};
use spikegrad_dynamics::Scalar;

/// `Σ weight · loss`: each loss reads what it asks for, whatever the others read.
///
/// Losses of your own are summed in boxes (`Sum<Box<dyn Loss>>`).
///
/// # Examples
/// ```
/// use spikegrad_network::loss::{RateRegulariser, SpikeTimeMse, Sum};
/// let targets = SpikeTimeMse::new("out", vec![vec![0.01]]);
/// let rates = RateRegulariser {
///     population: "hidden".into(), lower: None, upper: Some(100.0), tau: 0.01,
/// };
/// let loss: Sum = Sum::of([(1.0, targets.into()), (1e-6, rates.into())]);
/// assert_eq!(loss.terms.len(), 2);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "problem-file",
    derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema),
    serde(deny_unknown_fields)
)]
pub struct Sum<L = AnyLoss> {
    /// The terms.
    pub terms: Vec<Term<L>>,
}

/// A loss with its weight.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "problem-file",
    derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema),
    serde(deny_unknown_fields)
)]
pub struct Term<L = AnyLoss> {
    /// What the loss is multiplied by.
    pub weight: f64,
    /// The loss.
    pub loss: L,
}

impl<L> Sum<L> {
    /// The sum of losses, each with its weight.
    pub fn of(terms: impl IntoIterator<Item = (f64, L)>) -> Self {
        Self { terms: terms.into_iter().map(|(weight, loss)| Term { weight, loss }).collect() }
    }
}

/// The place of the loss of a term.
pub(super) fn place(k: usize) -> String {
    format!("terms[{k}].loss")
}

impl<T: Scalar, L: Loss<T>> Loss<T> for Sum<L> {
    fn check(&self, network: &Network) -> Result<(), NetworkError> {
        self.terms.iter().enumerate().try_for_each(|(k, Term { weight, loss })| {
            let (place_of_weight, holds) = (|| format!("terms[{k}].weight"), weight.is_finite());
            check::value(place_of_weight, *weight, holds, "a finite number")?;
            loss.check(network).map_err(|error| error.below(&place(k)))
        })
    }

    fn request(&self, network: &Network, requests: &mut Vec<ReadoutRequest>) {
        for term in &self.terms {
            term.loss.request(network, requests);
        }
    }

    fn spikes_read(&self, network: &Network, neuron: NeuronId) -> usize {
        self.terms.iter().map(|term| term.loss.spikes_read(network, neuron)).max().unwrap_or(0)
    }

    fn evaluate_into(&self, run: &Observation<'_, T>, into: &mut Derivatives<'_, T>) -> T {
        let (mut value, zero) = (T::from(0.0), T::from(0.0));
        let LossMemory { numbers: spikes, of_terms } = &mut *into.memory;
        let (requests, memory) = &mut **of_terms.get_or_insert_default();
        let mut first = 0;
        for Term { weight, loss } in &self.terms {
            requests.clear();
            loss.request(run.network, requests);
            let own = first..first + requests.len();
            first = own.end;
            spikes.clear();
            spikes.resize(run.spikes.len(), zero);
            let readouts = &mut into.readouts[own.clone()];
            let mut of_term = Derivatives {
                spikes: &mut *spikes,
                readouts: &mut *readouts,
                kinks: &mut *into.kinks,
                memory: &mut *memory,
            };
            let run = Observation { readouts: &run.readouts[own], ..*run };
            let weight = T::from(*weight);
            value += weight * loss.evaluate_into(&run, &mut of_term);
            readouts.iter_mut().for_each(|derivative| *derivative = weight * *derivative);
            for (sum, &derivative) in into.spikes.iter_mut().zip(&*spikes) {
                *sum += weight * derivative;
            }
        }
        value
    }
}
