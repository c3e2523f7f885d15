//! Whether a loss fits its network: the checks that losses share. Places are those within the loss.

use crate::wording::listed;
use crate::{Network, NetworkError, Population};

/// The place of the population that a loss reads.
const POPULATION: &str = "population";

/// The population of this name.
pub(super) fn population<'a>(
    network: &'a Network,
    name: &str,
) -> Result<&'a Population, NetworkError> {
    named(network, name, "the name of a population", |_| true)
}

/// The population of this name, which has to spike.
pub(super) fn spiking<'a>(
    network: &'a Network,
    name: &str,
) -> Result<&'a Population, NetworkError> {
    named(network, name, "the name of a population that spikes", |of| of.model.spikes())
}

fn named<'a>(
    network: &'a Network,
    name: &str,
    what: &str,
    fits: impl Fn(&Population) -> bool,
) -> Result<&'a Population, NetworkError> {
    let mut populations = network.populations().iter().filter(|population| fits(population));
    populations.clone().find(|population| population.name == name).ok_or_else(|| {
        let names = populations.by_ref().map(|population| population.name.as_str());
        let expected = format!("{what}: {}", listed(names));
        NetworkError::Word { place: POPULATION.into(), found: name.into(), expected }
    })
}

/// That a population has the neuron `label`.
pub(super) fn label(population: &Population, label: usize) -> Result<(), NetworkError> {
    neuron(label, population.size, || "label".into())
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

/// That there is one list of target times for each neuron of a population, all of them allowed.
pub(super) fn targets(
    population: &Population,
    targets: &[Vec<f64>],
    expected: &'static str,
    is_allowed: impl Fn(f64) -> bool,
) -> Result<(), NetworkError> {
    let (found, count) = (targets.len(), population.size);
    if found != count {
        let (place, of) = ("targets".into(), "neuron");
        return Err(NetworkError::Length { place, found, expected: count, of });
    }
    let mut times =
        targets.iter().enumerate().flat_map(|(k, list)| (0..).zip(list).map(move |t| (k, t)));
    times.try_for_each(|(k, (n, &time))| {
        value(|| format!("targets[{k}][{n}]"), time, is_allowed(time), expected)
    })
}

/// That a time constant is positive.
pub(super) fn time_constant(place: &'static str, tau: f64) -> Result<(), NetworkError> {
    value(|| place.into(), tau, tau > 0.0, "a positive time in seconds")
}

/// That a number is finite.
pub(super) fn finite(place: &'static str, x: f64) -> Result<(), NetworkError> {
    value(|| place.into(), x, x.is_finite(), "a finite number")
}

/// That a number is what it must be.
pub(super) fn value(
    place: impl FnOnce() -> String,
    value: f64,
    holds: bool,
    expected: &'static str,
) -> Result<(), NetworkError> {
    if holds { Ok(()) } else { Err(NetworkError::Value { place: place(), value, expected }) }
}
