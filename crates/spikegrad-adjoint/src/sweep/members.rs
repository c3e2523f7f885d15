//! The neurons that go back side by side: all of a layer, or those of one of its cells.
//!
//! Not here: how they go (`layer.rs`).

use spikegrad_network::{Cells, Layer, NeuronId};

/// Neurons of a layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Members<'a> {
    layer: &'a Layer,
    /// If they are not all: its cells, and which.
    cell: Option<(&'a Cells, usize)>,
}

impl<'a> Members<'a> {
    pub(super) fn all(layer: &'a Layer) -> Self {
        Self { layer, cell: None }
    }

    pub(super) fn of_cell(layer: &'a Layer, cells: &'a Cells, cell: usize) -> Self {
        Self { layer, cell: Some((cells, cell)) }
    }

    pub(super) fn len(self) -> usize {
        self.cell.map_or(self.layer.neurons.len(), |(cells, _)| cells.size())
    }

    /// The position of a neuron among them; `None` if it is not one of them.
    #[inline]
    pub(super) fn index(self, neuron: NeuronId) -> Option<usize> {
        let neurons = &self.layer.neurons;
        let index = neuron.index().wrapping_sub(neurons.start);
        let is_of_layer = index < neurons.len();
        match self.cell {
            _ if !is_of_layer => None,
            None => Some(index),
            Some((cells, own)) => {
                let (cell, place) = cells.place_of(index);
                (cell == own).then_some(place)
            }
        }
    }
}
