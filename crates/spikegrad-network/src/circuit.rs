//! A network laid out for an engine: neurons side by side, synapses by source in the order of their delays.
//!
//! A spike reaches its targets in **groups**: the synapses of one source in one connection that share a delay. An engine
//! keeps one cursor for each spike under way, never an entry for each synapse. Sources are the inputs, then the neurons.
//!
//! Not here: the order of parameters in a file (`parameters.rs`); the circuit knows the way back there.

use crate::{
    Connection, Model, Network, NetworkError, NeuronId, Parameters, Source, Synapses, Values,
};
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
    groups: Vec<Group<T>>,
    /// First group of each source, and the number of all.
    first_group: Vec<usize>,
}

impl<T: Scalar> Circuit<T> {
    /// Checks `parameters` and lays them out.
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
        let mut circuit = Self {
            inputs: network.inputs(),
            neurons,
            initial,
            targets: Vec::new(),
            weights: Vec::new(),
            synapse: Vec::new(),
            groups: Vec::new(),
            first_group: vec![0],
        };
        let sparse_by_pre: Vec<_> =
            (0..network.connections().len()).map(|k| by_pre(network, k)).collect();
        let sources = (0..network.inputs()).map(|channel| (Source::Input, channel)).chain(
            (0..network.populations().len()).flat_map(|k| {
                (0..network.populations()[k].size).map(move |index| (Source::Population(k), index))
            }),
        );
        for (source, pre) in sources {
            let first = circuit.groups.len();
            for (k, connection) in network.connections().iter().enumerate() {
                if connection.from == source {
                    circuit.lay_out(network, parameters, k, connection, pre, &sparse_by_pre[k]);
                }
            }
            circuit.groups[first..].sort_by(|a, b| a.delay.re().total_cmp(&b.delay.re()));
            circuit.first_group.push(circuit.groups.len());
        }
        Ok(circuit)
    }

    /// Appends the synapses of source `pre` in connection `k`, split into groups of one delay.
    fn lay_out(
        &mut self,
        network: &Network,
        parameters: &Parameters<T>,
        k: usize,
        connection: &Connection,
        pre: usize,
        sparse: &SparseByPre,
    ) {
        let values = &parameters.connections[k];
        let (n_pre, n_post) = network.shape(k);
        let synapses: Vec<(usize, usize)> = match &connection.synapses {
            Synapses::Dense => (0..n_post).map(|post| (post * n_pre + pre, post)).collect(),
            Synapses::Sparse(list) => sparse.of(pre).iter().map(|&s| (s, list[s].post)).collect(),
        };
        let own_delays = matches!(values.delay, Values::Each(_));
        let base = network.range(connection.to).start;
        // A synapse with a delay of its own is a group of its own: its delay gets a gradient of its own.
        let size = if own_delays { 1 } else { synapses.len().max(1) };
        for chunk in synapses.chunks(size) {
            let start = self.targets.len();
            for &(s, post) in chunk {
                self.targets.push(NeuronId::new(base + post));
                self.weights.push(values.weights[s]);
                self.synapse.push(NeuronId::new(s).0);
            }
            let synapses = start..self.targets.len();
            self.groups.push(Group {
                delay: values.delay.get(chunk[0].0),
                synapses,
                connection: k,
            });
        }
    }
}

impl<T: Scalar, N: Neuron<T>> Circuit<T, N> {
    /// The same circuit with every neuron replaced by one that has the same state.
    #[must_use]
    pub fn with_neurons<M: Neuron<T, State = N::State>>(
        self,
        replace: impl FnMut(N) -> M,
    ) -> Circuit<T, M> {
        let Self { inputs, neurons, initial, targets, weights, synapse, groups, first_group } =
            self;
        let neurons = neurons.into_iter().map(replace).collect();
        Circuit { inputs, neurons, initial, targets, weights, synapse, groups, first_group }
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
        self.first_group[source]..self.first_group[source + 1]
    }

    /// The group at position `group`.
    ///
    /// # Panics
    /// If there is no such group.
    #[must_use]
    pub fn group(&self, group: usize) -> &Group<T> {
        &self.groups[group]
    }

    /// Number of groups.
    #[must_use]
    pub fn group_count(&self) -> usize {
        self.groups.len()
    }

    /// Adds gradients in the circuit's order, one entry for each synapse and one delay for each group, to `gradient`.
    ///
    /// # Panics
    /// If a slice has another length.
    pub fn gather(&self, weights: &[T], delays: &[T], gradient: &mut Parameters<T>) {
        for (group, &delay) in self.groups.iter().zip(delays) {
            let into = &mut gradient.connections[group.connection];
            for k in group.synapses.clone() {
                into.weights[self.synapse[k] as usize] += weights[k];
            }
            into.delay.add_at(self.synapse[group.synapses.start] as usize, delay);
        }
    }
}

/// The synapses of a sparse connection by their source.
struct SparseByPre {
    first: Vec<usize>,
    order: Vec<usize>,
}

impl SparseByPre {
    fn of(&self, pre: usize) -> &[usize] {
        &self.order[self.first[pre]..self.first[pre + 1]]
    }
}

fn by_pre(network: &Network, connection: usize) -> SparseByPre {
    let Synapses::Sparse(list) = &network.connections()[connection].synapses else {
        return SparseByPre { first: Vec::new(), order: Vec::new() };
    };
    let (n_pre, _) = network.shape(connection);
    let mut order: Vec<usize> = (0..list.len()).collect();
    order.sort_by_key(|&s| list[s].pre);
    let first = (0..=n_pre).map(|pre| order.partition_point(|&s| list[s].pre < pre)).collect();
    SparseByPre { first, order }
}
