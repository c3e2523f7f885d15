//! Regularisers: what it costs a neuron to spike too rarely or too often, or to have a potential too low or too high.
//!
//! Both are half the square of what a neuron lacks to its lower bound or has above its upper one, which is smooth at the bounds, and
//! are meant to be [summed](super::Sum) with the loss of a task. The number of spikes of a run is constant wherever it can be
//! differentiated, so a bound on it alone has a derivative of zero; a [`RateRegulariser`] with a time constant counts the spikes
//! near the end of the run in part, and is a smooth function of their times.
//!
//! Not here: pushes, which are chosen and no gradients (`spikegrad::pushes`).

use super::voltage::of_all;
use super::{Derivatives, Loss, Observation, check, of_population};
use crate::{Measure, Network, NetworkError, NeuronId, ReadoutRequest, Time};
use spikegrad_dynamics::Scalar;

/// `½ Σ (lower − r)₊² + (r − upper)₊²` over the neurons of a population, with r their rates in spikes per second.
///
/// ```text
/// r = (1/T) Σ_k (1 − e^(−(T − t_k)/τ))        T: end of the run
/// ```
///
/// A spike counts in full long before the end, and not at all at the end: as a spike moves out of the run, the rate changes
/// smoothly. With τ = 0 every spike counts, and the derivative is zero.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "problem-file",
    derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema),
    serde(deny_unknown_fields)
)]
pub struct RateRegulariser {
    /// Name of the population that is read.
    pub population: String,
    /// The lowest rate that costs nothing, per second.
    #[cfg_attr(feature = "problem-file", serde(default, skip_serializing_if = "Option::is_none"))]
    pub lower: Option<f64>,
    /// The highest rate that costs nothing, per second.
    #[cfg_attr(feature = "problem-file", serde(default, skip_serializing_if = "Option::is_none"))]
    pub upper: Option<f64>,
    /// How long before the end a spike counts in part, τ, in seconds; 0 counts every spike.
    #[cfg_attr(feature = "problem-file", serde(default))]
    pub tau: f64,
}

/// `½ Σ (lower − m)₊² + (m − upper)₊²` over the neurons of a population, with m a measure of their potentials.
///
/// A lower bound on maxima gives neurons that stay silent a derivative: that of the distance from their thresholds.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(
    feature = "problem-file",
    derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema),
    serde(deny_unknown_fields)
)]
pub struct VoltageRegulariser {
    /// Name of the population that is read.
    pub population: String,
    /// What is read of each potential.
    pub measure: VoltageMeasure,
    /// The lowest measure that costs nothing, in the unit of V.
    #[cfg_attr(feature = "problem-file", serde(default, skip_serializing_if = "Option::is_none"))]
    pub lower: Option<f64>,
    /// The highest measure that costs nothing, in the unit of V.
    #[cfg_attr(feature = "problem-file", serde(default, skip_serializing_if = "Option::is_none"))]
    pub upper: Option<f64>,
}

/// What a [`VoltageRegulariser`] reads of a potential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "problem-file",
    derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema),
    serde(rename_all = "snake_case")
)]
pub enum VoltageMeasure {
    /// Its maximum over the run.
    Maximum,
    /// Its average over the run.
    Mean,
}

impl From<VoltageMeasure> for Measure {
    fn from(measure: VoltageMeasure) -> Self {
        match measure {
            VoltageMeasure::Maximum => Self::Maximum,
            VoltageMeasure::Mean => Self::Mean,
        }
    }
}

/// What a number costs outside its bounds, and the derivative.
fn cost<T: Scalar>(x: T, lower: Option<f64>, upper: Option<f64>) -> (T, T) {
    let below = lower.map(|lower| x - T::from(lower)).filter(|excess| excess.re() < 0.0);
    let above = upper.map(|upper| x - T::from(upper)).filter(|excess| excess.re() > 0.0);
    let excess = below.or(above).unwrap_or(T::from(0.0));
    (T::from(0.5) * excess * excess, excess)
}

/// That there is a bound, that both are finite, and that they leave room.
fn check_bounds(lower: Option<f64>, upper: Option<f64>) -> Result<(), NetworkError> {
    for (place, bound) in [("lower", lower), ("upper", upper)] {
        bound.map_or(Ok(()), |bound| check::finite(place, bound))?;
    }
    match (lower, upper) {
        (None, None) => {
            Err(NetworkError::Keys { place: String::new(), expected: "a lower or an upper bound" })
        }
        (Some(lower), Some(upper)) => {
            check::value(|| "upper".into(), upper, lower <= upper, "not below the lower bound")
        }
        _ => Ok(()),
    }
}

impl<T: Scalar> Loss<T> for RateRegulariser {
    fn check(&self, network: &Network) -> Result<(), NetworkError> {
        check::spiking(network, &self.population)?;
        check_bounds(self.lower, self.upper)?;
        let holds = self.tau.is_finite() && self.tau >= 0.0;
        check::value(|| "tau".into(), self.tau, holds, "a time in seconds, 0 or more")
    }

    fn spikes_read(&self, network: &Network, neuron: NeuronId) -> usize {
        of_population(network, &self.population, neuron, usize::MAX)
    }

    fn evaluate_into(&self, run: &Observation<'_, T>, into: &mut Derivatives<'_, T>) -> T {
        let (end, duration) = (Time::from(T::from(run.t_end)), T::from(run.t_end));
        // What is left of a spike's share at the end, e^(−(T − t)/τ); nothing, if every spike counts.
        let left = |k: usize| {
            let ago = end.since(run.spikes[k].at());
            (self.tau > 0.0).then(|| -ago / T::from(self.tau))
        };
        let rates = &mut into.memory.numbers;
        rates.clear();
        rates.resize(run.neurons(&self.population).len(), T::from(0.0));
        for (k, n) in run.spikes_of(&self.population) {
            rates[n] += left(k).map_or(T::from(1.0), |exponent| -exponent.exp_m1());
        }
        let mut value = T::from(0.0);
        for rate in &mut *rates {
            let (cost, derivative) = cost(*rate / duration, self.lower, self.upper);
            value += cost;
            *rate = derivative / duration;
        }
        for (k, n) in run.spikes_of(&self.population) {
            if let Some(exponent) = left(k) {
                into.spikes[k] = -rates[n] * exponent.exp() / T::from(self.tau);
            }
        }
        value
    }
}

impl<T: Scalar> Loss<T> for VoltageRegulariser {
    fn check(&self, network: &Network) -> Result<(), NetworkError> {
        check::population(network, &self.population)?;
        check_bounds(self.lower, self.upper)
    }

    fn spikes_read(&self, _: &Network, _: NeuronId) -> usize {
        0
    }

    fn request(&self, network: &Network, requests: &mut Vec<ReadoutRequest>) {
        of_all(network, &self.population, self.measure.into(), requests);
    }

    fn evaluate_into(&self, run: &Observation<'_, T>, into: &mut Derivatives<'_, T>) -> T {
        let mut value = T::from(0.0);
        for (derivative, readout) in into.readouts.iter_mut().zip(run.readouts) {
            let cost;
            (cost, *derivative) = self::cost(readout.value, self.lower, self.upper);
            value += cost;
        }
        value
    }
}
