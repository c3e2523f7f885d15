//! A neuron alone that hears recorded spikes: those of the input channels, and the trains that all neurons shall have.
//!
//! If every neuron that it hears does what it shall, it hears the same in its network. So a network of which all trains are known comes apart into neurons, each of
//! which can be fitted for itself. Not here: the search (`fit.rs`).

use crate::spike_times::Target;
use spikegrad::{
    Connection, ConnectionParameters, InputSpike, Network, NetworkError, Parameters, Population,
    PopulationParameters, Source, Stimulus, Synapse, Synapses, Values,
};

/// Whether the targeted neurons can be fitted one by one: they hear only each other and the input, and share no numbers that are trained.
pub(crate) fn comes_apart(
    network: &Network,
    parameters: &Parameters<bool>,
    stimulus: &Stimulus,
    targets: &[Target],
) -> bool {
    let mut is_targeted = vec![false; network.populations().len()];
    for target in targets {
        is_targeted[network.locate(target.neuron).0] = true;
    }
    let heard = network.connections().iter().filter(|connection| is_targeted[connection.to]);
    let mut heard = heard.map(|connection| match connection.from {
        Source::Input => connection.shared.is_none(),
        Source::Population(from) => is_targeted[from] && connection.shared.is_none(),
    });
    let shares = |values: &Values<bool>, size| matches!(values, Values::Shared(true)) && size > 1;
    let shared_delay = network.connections().iter().zip(&parameters.connections);
    let mut shared_delay = shared_delay
        .map(|(connection, of)| shares(&of.delay, network.populations()[connection.to].size));
    let mut shared = network.populations().iter().zip(&parameters.populations);
    let mut shared = shared
        .by_ref()
        .map(|(population, of)| of.values().any(|(_, values)| shares(values, population.size)));
    heard.all(|is_known| is_known)
        && !shared_delay.any(|is_shared| is_shared)
        && !shared.any(|is_shared| is_shared)
        && stimulus.injected().is_empty()
}

/// The synapses of a connection onto one of its targets, in order: where each comes from, and its position in the connection.
fn onto(network: &Network, k: usize, index: usize) -> Vec<(usize, usize)> {
    match &network.connections()[k].synapses {
        Synapses::Dense => {
            let (sources, _) = network.shape(k);
            (0..sources).map(|pre| (pre, index * sources + pre)).collect()
        }
        Synapses::Sparse(list) => {
            let all = list.iter().enumerate().filter(|(_, synapse)| synapse.post == index);
            all.map(|(s, synapse)| (synapse.pre, s)).collect()
        }
    }
}

/// The network of one neuron: an input channel for each of those of `network`, then one for each of its neurons.
pub(crate) fn network_of(network: &Network, target: &Target) -> Result<Network, NetworkError> {
    let (population, index) = network.locate(target.neuron);
    let connections = network.connections().iter().enumerate();
    let connections = connections.filter(|(_, connection)| connection.to == population);
    let connections = connections.map(|(k, connection)| {
        let first = match connection.from {
            Source::Input => 0,
            Source::Population(from) => network.inputs() + network.range(from).start,
        };
        let synapses = onto(network, k, index).into_iter();
        let synapses = synapses.map(|(pre, _)| Synapse { pre: first + pre, post: 0 }).collect();
        Connection::new(Source::Input, 0, Synapses::Sparse(synapses))
            .at_receptor(connection.receptor)
    });
    let one = Population { size: 1, ..network.populations()[population].clone() };
    Network::new(network.inputs() + network.neurons(), vec![one], connections.collect())
}

/// Of something for each number of `network`, that for the numbers of the neuron alone.
pub(crate) fn part_of<T: Copy>(
    network: &Network,
    all: &Parameters<T>,
    target: &Target,
) -> Parameters<T> {
    let (population, index) = network.locate(target.neuron);
    let mut own: PopulationParameters<T> = all.populations[population].clone();
    for (_, values) in own.values_mut() {
        *values = Values::Shared(values.get(index));
    }
    let connections = network.connections().iter().enumerate();
    let connections = connections.filter(|(_, connection)| connection.to == population);
    let connections = connections.map(|(k, _)| {
        let of = &all.connections[k];
        let synapses = onto(network, k, index);
        ConnectionParameters {
            weights: synapses.iter().map(|&(_, s)| of.weights[s]).collect(),
            delay: match &of.delay {
                Values::Shared(delay) => Values::Shared(*delay),
                Values::Each(delays) => {
                    Values::Each(synapses.iter().map(|&(_, s)| delays[s]).collect())
                }
            },
        }
    });
    Parameters { populations: vec![own], connections: connections.collect() }
}

/// What the neuron hears: the stimulus, and the trains of all targets.
pub(crate) fn stimulus_of(
    network: &Network,
    stimulus: &Stimulus,
    targets: &[Target],
) -> Result<Stimulus, NetworkError> {
    let mut spikes = stimulus.spikes().to_vec();
    for Target { neuron, times, .. } in targets {
        let channel = network.inputs() + neuron.index();
        spikes.extend(times.iter().map(|&time| InputSpike { channel, time }));
    }
    Stimulus::new(stimulus.t_end(), spikes)
}
