//! A network laid out for an engine: neurons side by side, synapses by source in the order of their delays.
//!
//! A spike reaches its targets in **groups**: the synapses of one source in one connection that share a delay. An engine
//! keeps one cursor for each spike under way, never an entry for each synapse. Sources are the inputs, then the neurons.
//!
//! Not here: how synapses are sorted (`groups.rs`); the order of parameters in a file (`parameters.rs`), to which the
//! circuit knows the way back.

use crate::groups::{Groups, Layout};
use crate::{Model, Network, NetworkError, NeuronId, Parameters, Source};
use spikegrad_dynamics::{Lif, Neuron, Scalar};
use std::ops::Range;

/// The synapses of one source in one connection that share a delay: all of them, or one.
#[derive(Clone, Debug, PartialEq)]
pub struct Group<T> {
    /// Their delay, in seconds.
    pub delay: T,
    /// Positions in [`Circuit::targets`] and [`Circuit::weights`].
    pub synapses: Range<usize>,
    /// Position of their connection.
    pub connection: usize,
}

/// Neurons and synapses with their values, ready to run.
#[derive(Clone, Debug)]
pub struct Circuit<T: Scalar = f64, N: Neuron<T> = Lif<T>> {
    inputs: usize,
    /// Every neuron.
    pub neurons: Vec<N>,
    /// State of every neuron at time 0.
    pub initial: Vec<N::State>,
    /// Target of each synapse.
    pub targets: Vec<NeuronId>,
    /// Weight of each synapse.
    pub weights: Vec<T>,
    /// Index of each synapse within its connection.
    pub synapse: Vec<u32>,
    groups: Groups<T>,
}

impl<T: Scalar> Circuit<T> {
    /// Checks `parameters` and lays them out.
    ///
    /// The work is in proportion to neurons and synapses.
    ///
    /// # Errors
    /// What [`Parameters::check`] finds.
    pub fn new(network: &Network, parameters: &Parameters<T>) -> Result<Self, NetworkError> {
        parameters.check(network)?;
        let mut neurons = Vec::with_capacity(network.neurons());
        let mut initial = Vec::with_capacity(network.neurons());
        for (population, values) in network.populations().iter().zip(&parameters.populations) {
            for k in 0..population.size {
                let neuron = match population.model {
                    Model::Lif => Lif::new(values.of(k)),
                    Model::Li => Lif::integrator(values.of(k)),
                };
                initial.push(neuron.state(values.initial_v.get(k), values.initial_i.get(k)));
                neurons.push(neuron);
            }
        }
        let mut layout = Layout::new(network, parameters);
        for channel in 0..network.inputs() {
            layout.add_source(Source::Input, channel);
        }
        for (k, population) in network.populations().iter().enumerate() {
            for index in 0..population.size {
                layout.add_source(Source::Population(k), index);
            }
        }
        let (targets, weights, synapse, groups) = layout.finish();
        let inputs = network.inputs();
        Ok(Self { inputs, neurons, initial, targets, weights, synapse, groups })
    }
}

impl<T: Scalar, N: Neuron<T>> Circuit<T, N> {
    /// The same circuit with every neuron replaced by one that has the same state.
    #[must_use]
    pub fn with_neurons<M: Neuron<T, State = N::State>>(
        self,
        replace: impl FnMut(N) -> M,
    ) -> Circuit<T, M> {
        let Self { inputs, neurons, initial, targets, weights, synapse, groups } = self;
        let neurons = neurons.into_iter().map(replace).collect();
        Circuit { inputs, neurons, initial, targets, weights, synapse, groups }
    }

    /// Number of input channels; sources `0..inputs` are these, the neurons follow.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The source that stands for `neuron`.
    #[must_use]
    pub fn source_of(&self, neuron: NeuronId) -> usize {
        self.inputs + neuron.index()
    }

    /// The groups of `source`, in the order of their delays.
    ///
    /// # Panics
    /// If there is no such source.
    #[must_use]
    pub fn groups_of(&self, source: usize) -> Range<usize> {
        self.groups.of_source(source)
    }

    /// The group at position `group`.
    ///
    /// # Panics
    /// If there is no such group.
    #[must_use]
    pub fn group(&self, group: usize) -> Group<T> {
        Group {
            delay: self.delay(group),
            synapses: self.synapses(group),
            connection: self.groups.connection(group),
        }
    }

    /// Delay of the group at position `group`, in seconds.
    ///
    /// # Panics
    /// If there is no such group.
    #[must_use]
    #[inline]
    pub fn delay(&self, group: usize) -> T {
        self.groups.delay(group)
    }

    /// Positions of the synapses of the group at position `group` in [`Self::targets`] and [`Self::weights`].
    ///
    /// # Panics
    /// If there is no such group.
    #[must_use]
    #[inline]
    pub fn synapses(&self, group: usize) -> Range<usize> {
        self.groups.synapses(group)
    }

    /// Whether none of the targets of the group at position `group` is reached by another group of its source with the
    /// same delay. Within a group, synapses with one target are neighbours.
    ///
    /// # Panics
    /// If there is no such group.
    #[must_use]
    #[inline]
    pub fn is_apart(&self, group: usize) -> bool {
        self.groups.is_apart(group)
    }

    /// Number of groups.
    #[must_use]
    pub fn group_count(&self) -> usize {
        self.groups.count()
    }

    /// Adds gradients in the circuit's order, one entry for each synapse and one delay for each group, to `gradient`.
    ///
    /// # Panics
    /// If a slice has another length.
    pub fn gather(&self, weights: &[T], delays: &[T], gradient: &mut Parameters<T>) {
        assert_eq!((weights.len(), delays.len()), (self.weights.len(), self.group_count()));
        for (group, &delay) in delays.iter().enumerate() {
            let into = &mut gradient.connections[self.groups.connection(group)];
            let synapses = self.synapses(group);
            let first = synapses.start;
            for k in synapses {
                into.weights[self.synapse[k] as usize] += weights[k];
            }
            into.delay.add_at(self.synapse[first] as usize, delay);
        }
    }
}
