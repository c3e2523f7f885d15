//! Whether a loss fits its network: the checks that losses share, with the places of the problem file.
//!
//! Not here: the checks of a problem file, which also knows the end of the run (`spikegrad_network`).

use spikegrad_network::{Network, NetworkError};

/// The number of neurons of a population.
pub(super) fn population(network: &Network, population: usize) -> Result<usize, NetworkError> {
    let populations = network.populations();
    match populations.get(population) {
        Some(population) => Ok(population.size),
        None => Err(NetworkError::Index {
            place: "loss.population".into(),
            index: population,
            count: populations.len(),
            of: "populations",
        }),
    }
}

/// That a population has the neuron `label`.
pub(super) fn label(
    network: &Network,
    population: usize,
    label: usize,
) -> Result<(), NetworkError> {
    neuron(label, self::population(network, population)?, || "loss.label".into())
}

/// That one of `count` neurons is `index`.
pub(super) fn neuron(
    index: usize,
    count: usize,
    place: impl FnOnce() -> String,
) -> Result<(), NetworkError> {
    if index < count {
        return Ok(());
    }
    Err(NetworkError::Index { place: place(), index, count, of: "neurons" })
}

/// That there is one list of targets for each neuron of a population.
pub(super) fn targets(
    network: &Network,
    population: usize,
    targets: &[Vec<f64>],
) -> Result<(), NetworkError> {
    let (found, expected) = (targets.len(), self::population(network, population)?);
    if found == expected {
        return Ok(());
    }
    Err(NetworkError::Length { place: "loss.targets".into(), found, expected, of: "neuron" })
}

/// That a number by which the loss divides is positive.
pub(super) fn positive(place: &'static str, value: f64) -> Result<(), NetworkError> {
    if value > 0.0 {
        return Ok(());
    }
    Err(NetworkError::Value { place: place.into(), value, expected: "positive" })
}
