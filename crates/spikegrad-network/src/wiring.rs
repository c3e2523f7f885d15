//! The synapses of a circuit without its neurons: what an engine needs that has neurons of its own.
//!
//! Not here: how synapses are grouped (`groups.rs`).

use crate::circuit::named;
use crate::groups::Groups;
use crate::{NamedNeuron, NeuronId};
use std::ops::Range;

/// The synapses of a [`Circuit`](crate::Circuit), as that has them.
#[derive(Clone, Copy, Debug)]
pub struct Wiring<'a> {
    pub(crate) inputs: usize,
    pub(crate) groups: &'a Groups<f64>,
    pub(crate) receptors: &'a [usize],
    pub(crate) names: &'a [(String, usize)],
    /// Target of each synapse.
    pub targets: &'a [NeuronId],
    /// Weight of each synapse.
    pub weights: &'a [f64],
}

impl<'a> Wiring<'a> {
    /// A neuron with its name, for messages.
    #[must_use]
    pub fn named(&self, neuron: NeuronId) -> NamedNeuron {
        named(self.names, neuron)
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
    #[inline]
    pub fn groups_of(&self, source: usize) -> Range<usize> {
        self.groups.of_source(source)
    }

    /// Positions of the synapses of the group at position `group`.
    ///
    /// # Panics
    /// If there is no such group.
    #[must_use]
    #[inline]
    pub fn synapses(&self, group: usize) -> Range<usize> {
        self.groups.synapses(group)
    }

    /// At which receptor of its targets the group at position `group` arrives.
    ///
    /// # Panics
    /// If there is no such group.
    #[must_use]
    #[inline]
    pub fn receptor(&self, group: usize) -> usize {
        self.receptors[self.groups.connection(group)]
    }

    /// The connection of the group at position `group`.
    pub(crate) fn connection(&self, group: usize) -> usize {
        self.groups.connection(group)
    }
}
