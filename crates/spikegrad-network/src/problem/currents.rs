//! Injected currents in a problem file: as they are written, read, and answered.
//!
//! Not here: what they mean and which numbers make sense (`crate::currents`).

use super::document::present;
use super::error::ProblemError;
use super::read::{index, keys, word};
use crate::wording::listed;
use crate::{InjectedCurrent, Network, NeuronId, StepTimes, Steps};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A piecewise constant current into the neurons of a population: `times` and `values`, or `interval` and `values`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CurrentDocument {
    /// Name of a population.
    pub to: String,
    /// Which of its neurons; all, if it is left out.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub neurons: Option<Vec<u64>>,
    /// When the current steps, in seconds, each time later than the one before.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub times: Option<Vec<f64>>,
    /// When the first of samples begins, in seconds; 0, if it is left out.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub start: Option<f64>,
    /// Distance of samples, in seconds.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub interval: Option<f64>,
    /// The current from each step on.
    pub values: Vec<f64>,
}

/// Derivatives in the places of a current's numbers.
#[derive(Clone, Debug, Serialize)]
pub(super) struct CurrentGradient {
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<Vec<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<f64>,
    values: Vec<f64>,
}

impl CurrentGradient {
    pub(super) fn new(document: &CurrentDocument, gradient: &Steps) -> Self {
        let values = gradient.values.clone();
        match &gradient.times {
            StepTimes::Each(times) => {
                Self { times: Some(times.clone()), start: None, interval: None, values }
            }
            StepTimes::Every { start, interval } => Self {
                times: None,
                start: document.start.map(|_| *start),
                interval: Some(*interval),
                values,
            },
        }
    }
}

/// The current that stands at `place`.
pub(super) fn read(
    place: &str,
    document: &CurrentDocument,
    network: &Network,
) -> Result<InjectedCurrent, ProblemError> {
    let CurrentDocument { to, neurons, times, start, interval, values } = document;
    let Some(population) = network.population(to) else {
        let names = listed(network.populations().iter().map(|p| p.name.as_str()));
        let expected = format!("the name of a population: {names}");
        return Err(word(format!("{place}.to"), to, expected));
    };
    let range = network.range(population);
    let neurons = match neurons {
        None => range.map(NeuronId::new).collect(),
        Some(list) => {
            let neuron = |(k, &neuron): (usize, &u64)| {
                let place = format!("{place}.neurons[{k}]");
                let within = index(place, neuron, range.len(), "neurons")?;
                Ok(NeuronId::new(range.start + within))
            };
            list.iter().enumerate().map(neuron).collect::<Result<_, ProblemError>>()?
        }
    };
    let times = match (times, interval, start) {
        (Some(times), None, None) => StepTimes::Each(times.clone()),
        (None, Some(interval), _) => {
            StepTimes::Every { start: start.unwrap_or(0.0), interval: *interval }
        }
        _ => return Err(keys(place, "either times, or interval and, if it is not 0, start")),
    };
    Ok(InjectedCurrent { neurons, steps: Steps { times, values: values.clone() } })
}

/// The currents that state `current`: one for each population with one of its neurons.
pub(super) fn write(network: &Network, current: &InjectedCurrent) -> Vec<CurrentDocument> {
    let (times, start, interval) = match &current.steps.times {
        StepTimes::Each(times) => (Some(times.clone()), None, None),
        StepTimes::Every { start, interval } => (None, Some(*start), Some(*interval)),
    };
    let populations = network.populations().iter().enumerate();
    let of = |(k, population): (usize, &crate::Population)| {
        let located = current.neurons.iter().map(|&neuron| network.locate(neuron));
        let here = located.filter(|&(place, _)| place == k);
        let neurons: Vec<u64> = here.map(|(_, index)| index as u64).collect();
        (!neurons.is_empty()).then(|| CurrentDocument {
            to: population.name.clone(),
            neurons: Some(neurons),
            times: times.clone(),
            start,
            interval,
            values: current.steps.values.clone(),
        })
    };
    populations.filter_map(of).collect()
}
