//! Which populations can be swept side by side, and what such a sweep needs of them.
//!
//! A **layer** is a population whose synapses are all dense with one delay for each connection: a spike reaches all of its
//! neurons at one time, as one row of weights. Layers that feed each other forward, each at most with a connection
//! to itself, are run one after the other, with no queue. [`Layers::new`] says yes, or why not.
//!
//! Not here: the sweeps (`spikegrad_simulate`, `spikegrad_adjoint`).

use crate::{Circuit, Network, NeuronId, Source, Synapses};
use spikegrad_dynamics::lanes::Numbers;
use std::ops::Range;

/// Populations in an order in which each hears only earlier ones and itself.
#[derive(Clone, Debug)]
pub struct Layers {
    layers: Vec<Layer>,
    /// Where the neurons of each population end.
    ends: Vec<usize>,
}

/// One population, its numbers side by side.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Position of the population.
    pub population: usize,
    /// Its neurons.
    pub neurons: Range<usize>,
    /// Whether it can spike.
    pub spikes: bool,
    /// Whether its neurons hear each other.
    pub is_recurrent: bool,
    /// What it hears, by source.
    pub incoming: Vec<Incoming>,
    /// The numbers of its neurons.
    pub numbers: Numbers,
}

/// A dense connection into a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Incoming {
    /// Where it comes from.
    pub from: Source,
    /// Its delay, in seconds.
    pub delay: f64,
    /// Position of its row among the groups of each of its sources.
    pub offset: usize,
}

/// Why a network is not swept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotLayered {
    /// A sparse connection.
    Sparse {
        /// Position of the connection.
        connection: usize,
    },
    /// A delay for each synapse.
    OwnDelays {
        /// Position of the connection.
        connection: usize,
    },
    /// A model that is not linear between spikes, or that the sweep does not know.
    Model {
        /// Position of the population.
        population: usize,
    },
    /// Populations that excite each other in a circle.
    Circle {
        /// One of them.
        population: usize,
    },
}

impl NotLayered {
    /// The reason in one clause, with the names of `network`.
    #[must_use]
    pub fn describe(self, network: &Network) -> String {
        let connection = |k: usize| {
            let connection = &network.connections()[k];
            let from = match connection.from {
                Source::Input => "input",
                Source::Population(p) => &network.populations()[p].name,
            };
            format!("the connection from {from} to {}", network.populations()[connection.to].name)
        };
        match self {
            Self::Sparse { connection: k } => format!("{} is sparse", connection(k)),
            Self::OwnDelays { connection: k } => {
                format!("{} has a delay for each synapse", connection(k))
            }
            Self::Model { population } => {
                let population = &network.populations()[population];
                let (name, model) = (&population.name, population.model.table().model);
                if population.model.receptors() > 1 {
                    format!(
                        "population {name} has several receptors, which the sweep does not know"
                    )
                } else if population.model.takes_receptors() {
                    format!(
                        "population {name} is of the model {model}, which the sweep does not know"
                    )
                } else {
                    format!(
                        "population {name} is of the model {model}, which is not linear between spikes"
                    )
                }
            }
            Self::Circle { population } => format!(
                "population {} is one of several that hear each other",
                network.populations()[population].name
            ),
        }
    }
}

impl Layers {
    /// Lays the populations of `network` side by side, with the values of `circuit`.
    ///
    /// # Errors
    /// [`NotLayered`]: why it cannot be.
    pub fn new(network: &Network, circuit: &Circuit) -> Result<Self, NotLayered> {
        for (connection, c) in network.connections().iter().enumerate() {
            if matches!(c.synapses, Synapses::Sparse(_)) {
                return Err(NotLayered::Sparse { connection });
            }
        }
        let layers = order(network)?
            .into_iter()
            .map(|population| layer(network, circuit, population))
            .collect::<Result<_, _>>()?;
        let ends = (0..network.populations().len()).map(|k| network.range(k).end).collect();
        Ok(Self { layers, ends })
    }

    /// Takes the values of `circuit`, which has the delays that these layers were made with.
    pub fn set(&mut self, circuit: &Circuit) {
        self.layers.iter_mut().for_each(|layer| layer.set(circuit));
    }

    /// The layers; each hears only those before it, and itself.
    #[must_use]
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Position of the population of a neuron.
    #[must_use]
    pub fn population_of(&self, neuron: NeuronId) -> usize {
        self.ends.partition_point(|&end| end <= neuron.index())
    }
}

/// Populations, each after all that it hears but itself.
fn order(network: &Network) -> Result<Vec<usize>, NotLayered> {
    let count = network.populations().len();
    let mut is_placed = vec![false; count];
    let mut order = Vec::with_capacity(count);
    while order.len() < count {
        let is_ready = |k: &usize| {
            !is_placed[*k]
                && network.connections().iter().filter(|c| c.to == *k).all(|c| match c.from {
                    Source::Population(from) => from == *k || is_placed[from],
                    Source::Input => true,
                })
        };
        let Some(next) = (0..count).find(is_ready) else {
            let population = is_placed.iter().position(|placed| !placed).unwrap_or(0);
            return Err(NotLayered::Circle { population });
        };
        is_placed[next] = true;
        order.push(next);
    }
    Ok(order)
}

fn layer(network: &Network, circuit: &Circuit, population: usize) -> Result<Layer, NotLayered> {
    let mut incoming = Vec::new();
    for (k, connection) in network.connections().iter().enumerate() {
        let (n_pre, n_post) = network.shape(k);
        if connection.to != population || n_pre == 0 || n_post == 0 {
            continue;
        }
        let first_source = match connection.from {
            Source::Input => 0,
            Source::Population(from) => network.inputs() + network.range(from).start,
        };
        let groups = circuit.groups_of(first_source);
        let row =
            groups.clone().find(|&g| circuit.group(g).connection == k).unwrap_or(groups.start);
        let (offset, delay) = (row - groups.start, circuit.group(row).delay);
        let is_row = |source: usize| {
            let group = circuit.group(circuit.groups_of(source).start + offset);
            let is_late_alike = group.delay.to_bits() == delay.to_bits();
            group.synapses.len() == n_post && group.connection == k && is_late_alike
        };
        if !(first_source..first_source + n_pre).all(is_row) {
            return Err(NotLayered::OwnDelays { connection: k });
        }
        incoming.push(Incoming { from: connection.from, delay, offset });
    }
    // Inputs act first at an instant, then neurons in their order.
    incoming.sort_by_key(|i| match i.from {
        Source::Input => (0, i.offset),
        Source::Population(k) => (k + 1, i.offset),
    });
    let mut layer = Layer {
        population,
        neurons: network.range(population),
        spikes: network.populations()[population].model.spikes(),
        is_recurrent: incoming.iter().any(|i| i.from == Source::Population(population)),
        incoming,
        numbers: Numbers::default(),
    };
    layer.set(circuit);
    Ok(layer)
}

impl Layer {
    fn set(&mut self, circuit: &Circuit) {
        self.numbers.set(&circuit.neurons[self.neurons.clone()]);
    }
}
