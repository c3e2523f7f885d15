//! A neuron alone that hears recorded spikes: those of the input channels, and of all neurons.
//!
//! If every neuron that it hears does what it shall, it hears the same in its network. So neurons that have targets can be fitted one by one, while they hear
//! the targets of the others. What neurons without targets do is known, too, if they stay as they are: it is what they answer to the input and to the targets. Not here: the search
//! (`fit.rs`).

use crate::error::FitError;
use crate::spike_times::Target;
use spikegrad::{
    Connection, ConnectionParameters, InputSpike, Network, NetworkError, NeuronId, Parameters,
    Population, PopulationParameters, Settings, Source, Stimulus, Synapse, Synapses, Values,
    simulate,
};

/// Whether the targeted neurons can be fitted one by one: they share no numbers that are trained, and hear no injected currents.
pub(crate) fn comes_apart(
    network: &Network,
    trained: &Parameters<bool>,
    stimulus: &Stimulus,
    targets: &[Target],
) -> bool {
    let is_targeted = targeted(network, targets);
    let shares = |values: &Values<bool>, population: usize| {
        matches!(values, Values::Shared(true)) && network.populations()[population].size > 1
    };
    let mut connections = network.connections().iter().zip(&trained.connections);
    let connections_share = connections.any(|(connection, of)| {
        let is_shared = connection.shared.is_some() || shares(&of.delay, connection.to);
        is_targeted[connection.to] && is_shared
    });
    let mut populations = trained.populations.iter().enumerate();
    let populations_share = populations
        .any(|(k, of)| is_targeted[k] && of.values().any(|(_, values)| shares(values, k)));
    !connections_share && !populations_share && stimulus.injected().is_empty()
}

/// For each population, whether its neurons have targets.
pub(crate) fn targeted(network: &Network, targets: &[Target]) -> Vec<bool> {
    let mut is_targeted = vec![false; network.populations().len()];
    for target in targets {
        is_targeted[network.locate(target.neuron).0] = true;
    }
    is_targeted
}

/// What the neurons without targets do where those that have targets reach them: a train for each, which is no target.
pub(crate) fn answers(
    network: &Network,
    parameters: &Parameters,
    stimulus: &Stimulus,
    targets: &[Target],
    settings: &Settings,
) -> Result<Vec<Target>, FitError> {
    let is_targeted = targeted(network, targets);
    let rest: Vec<usize> = (0..is_targeted.len()).filter(|&k| !is_targeted[k]).collect();
    let place = |k: usize| rest.iter().position(|&other| other == k);
    let connections = network.connections().iter().enumerate();
    let connections =
        connections.filter_map(|(k, connection)| Some((k, connection, place(connection.to)?)));
    let mut values = Vec::new();
    let connections = connections.map(|(k, connection, to)| {
        values.push(parameters.connections[k].clone());
        let from = match connection.from {
            Source::Population(from) => place(from).map_or(Source::Input, Source::Population),
            Source::Input => Source::Input,
        };
        let first = match connection.from {
            Source::Population(population) if from == Source::Input => {
                network.inputs() + network.range(population).start
            }
            _ => 0,
        };
        let synapses =
            network.synapses(k).map(|Synapse { pre, post }| Synapse { pre: first + pre, post });
        let synapses = Synapses::Sparse(synapses.collect());
        Connection { from, to, synapses, ..connection.clone() }
    });
    let connections: Vec<_> = connections.collect();
    let populations = rest.iter().map(|&k| network.populations()[k].clone()).collect();
    let inputs = network.inputs() + network.neurons();
    let others = Network::new(inputs, populations, connections)?;
    let populations = rest.iter().map(|&k| parameters.populations[k].clone()).collect();
    let parameters = Parameters { populations, connections: values };
    let stimulus = stimulus_of(network, stimulus, targets)?;
    let trace = simulate(&others, &parameters, &stimulus, &[], settings)
        .map_err(|error| FitError::Evaluate(error.into()))?;
    let neurons =
        rest.iter().enumerate().flat_map(|(place, &k)| others.range(place).zip(network.range(k)));
    let train = |(other, neuron): (usize, usize)| Target {
        neuron: NeuronId::new(neuron),
        times: trace.spike_times(NeuronId::new(other)).collect(),
        unit: 1.0,
        goes_on: false,
    };
    Ok(neurons.map(train).collect())
}

/// The synapses of a connection onto one of its targets, in order: where each comes from, and its position in the connection.
fn onto(network: &Network, k: usize, index: usize) -> Vec<(usize, usize)> {
    let all = network.synapses(k).enumerate();
    all.filter(|(_, synapse)| synapse.post == index).map(|(s, synapse)| (synapse.pre, s)).collect()
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

/// What a neuron hears: the stimulus, and the trains of other neurons.
pub(crate) fn stimulus_of(
    network: &Network,
    stimulus: &Stimulus,
    trains: &[Target],
) -> Result<Stimulus, NetworkError> {
    let mut spikes = stimulus.spikes().to_vec();
    for Target { neuron, times, .. } in trains {
        let channel = network.inputs() + neuron.index();
        spikes.extend(times.iter().map(|&time| InputSpike { channel, time }));
    }
    Stimulus::new(stimulus.t_end(), spikes)
}
