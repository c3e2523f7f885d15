//! What losses on spike times make of spikes that did not happen: the end of the run, a constant, or times after it at which the neuron would
//! go on by itself (pseudospikes; docs/mathematics.md, eqs. 27 to 27d).

use super::check;
use crate::pseudospikes::refusal;
use crate::{Measure, Network, NetworkError, NeuronId, Population, ReadoutRequest};

/// Width of the softplus of `qif` neurons, unless a loss names another: that of Klos and Memmesheimer 2025.
const WIDTH: f64 = 10.0;

/// That the population can be read after the run, and that the width is one.
pub(super) fn check(
    network: &Network,
    population: &Population,
    width: Option<f64>,
) -> Result<(), NetworkError> {
    let position = network.population(&population.name);
    let refused = position.and_then(|position| refusal(network, position));
    if let Some(reason) = refused {
        let (place, found) = ("pseudospikes".into(), "true".into());
        let expected = format!("false for the population \"{}\": {reason}", population.name);
        return Err(NetworkError::Word { place, found, expected });
    }
    let width = width.unwrap_or(WIDTH);
    let holds = width > 0.0 && width.is_finite();
    check::value(|| "pseudo_alpha".into(), width, holds, "a positive number")
}

/// Asks for the first `count` spikes of `neuron` after the run.
pub(super) fn request(
    neuron: usize,
    count: usize,
    width: Option<f64>,
    requests: &mut Vec<ReadoutRequest>,
) {
    let (neuron, width) = (NeuronId::new(neuron), width.unwrap_or(WIDTH));
    let measures = (1..=count).filter_map(|index| u32::try_from(index).ok());
    requests.extend(measures.map(|index| {
        let measure = Measure::Pseudospike { index, width };
        ReadoutRequest { neuron, measure }
    }));
}
