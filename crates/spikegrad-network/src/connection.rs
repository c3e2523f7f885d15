//! Connections: which pairs of neurons they join, and in what order their synapses stand.
//!
//! Not here: weights and delays (`parameters.rs`), the order that an engine has (`groups.rs`).

use crate::Network;

/// Where a connection comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The input channels.
    Input,
    /// The population at this position.
    Population(usize),
}

/// One synapse of a sparse connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Synapse {
    /// Index within the source.
    pub pre: usize,
    /// Index within the target.
    pub post: usize,
}

/// Which pairs a connection joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Synapses {
    /// All pairs, post-major: synapse `post * n_pre + pre`.
    Dense,
    /// All pairs, pre-major: synapse `pre * n_post + post`. So an engine has them, and takes weights and gives derivatives without bringing them into another order.
    DenseBySource,
    /// The pairs listed; a pair may be listed more than once.
    Sparse(Vec<Synapse>),
}

impl Synapses {
    /// Whether all pairs are joined, and none twice.
    #[must_use]
    pub fn is_dense(&self) -> bool {
        matches!(self, Self::Dense | Self::DenseBySource)
    }
}

/// How the synapses of a dense connection are numbered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DenseOrder {
    /// From the synapse of one source to that of the next.
    pub(crate) of_sources: usize,
    /// From the synapse onto one target to that onto the next.
    pub(crate) of_targets: usize,
}

impl DenseOrder {
    /// The synapse of a pair.
    pub(crate) fn synapse(self, pre: usize, post: usize) -> usize {
        pre * self.of_sources + post * self.of_targets
    }
}

/// Weights that are used by any number of synapses each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedWeights {
    /// Number of weights. One that no synapse uses is allowed, and has the derivative 0.
    pub count: usize,
    /// For each synapse, the index of the weight that it uses.
    pub weight_of: Vec<u32>,
}

/// Synapses from one source to one population.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Where spikes come from.
    pub from: Source,
    /// Position of the population that receives them.
    pub to: usize,
    /// The pairs joined.
    pub synapses: Synapses,
    /// At which receptor of its targets spikes arrive, counted from 0.
    pub receptor: usize,
    /// The weights that synapses share; `None` if each has a weight of its own. A delay that is not the same for all goes with its weight.
    pub shared: Option<SharedWeights>,
}

impl Connection {
    /// A connection whose synapses have a weight each, to the first receptor of its targets.
    #[must_use]
    pub fn new(from: Source, to: usize, synapses: Synapses) -> Self {
        Self { from, to, synapses, receptor: 0, shared: None }
    }

    /// The same connection to another receptor.
    #[must_use]
    pub fn at_receptor(self, receptor: usize) -> Self {
        Self { receptor, ..self }
    }

    /// The index of the weight of a synapse, and of its delay where these differ.
    ///
    /// # Panics
    /// If the connection shares weights and has no such synapse.
    #[must_use]
    pub fn weight_of(&self, synapse: usize) -> usize {
        match &self.shared {
            Some(shared) => shared.weight_of[synapse] as usize,
            None => synapse,
        }
    }
}

impl Network {
    /// The pair that a synapse of the connection at position `connection` joins. A dense connection does not look whether it has so many.
    ///
    /// # Panics
    /// If there is no such connection, or no such synapse in a list.
    #[must_use]
    pub fn synapse(&self, connection: usize, synapse: usize) -> Synapse {
        let (n_pre, n_post) = self.shape(connection);
        match &self.connections()[connection].synapses {
            Synapses::Dense => Synapse { pre: synapse % n_pre, post: synapse / n_pre },
            Synapses::DenseBySource => Synapse { pre: synapse / n_post, post: synapse % n_post },
            Synapses::Sparse(list) => list[synapse],
        }
    }

    /// The pairs that the synapses of the connection at position `connection` join, in their order.
    ///
    /// # Panics
    /// If there is no such connection.
    pub fn synapses(&self, connection: usize) -> impl Iterator<Item = Synapse> {
        (0..self.synapse_count(connection)).map(move |s| self.synapse(connection, s))
    }

    /// How the synapses of a connection are numbered, if it is dense.
    pub(crate) fn dense_order(&self, connection: usize) -> Option<DenseOrder> {
        let (n_pre, n_post) = self.shape(connection);
        match self.connections()[connection].synapses {
            Synapses::Dense => Some(DenseOrder { of_sources: 1, of_targets: n_pre }),
            Synapses::DenseBySource => Some(DenseOrder { of_sources: n_post, of_targets: 1 }),
            Synapses::Sparse(_) => None,
        }
    }

    /// What the connection at position `connection` has for each of its weights, in the order that they have in `other`: the same network, but for the order of
    /// dense connections.
    ///
    /// # Panics
    /// If there is no such connection, or not a value for each weight.
    #[must_use]
    pub fn reordered<T: Copy>(&self, connection: usize, values: &[T], other: &Self) -> Vec<T> {
        match (self.dense_order(connection), &self.connections()[connection].shared) {
            (Some(order), None) => {
                let pairs = other.synapses(connection);
                pairs.map(|Synapse { pre, post }| values[order.synapse(pre, post)]).collect()
            }
            _ => values.to_vec(),
        }
    }
}
