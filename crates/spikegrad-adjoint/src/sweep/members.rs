//! The neurons that go back side by side: all of a layer, those of one of its cells, or one.
//!
//! Not here: how they go (`layer.rs`).

use spikegrad_network::{Cells, Layer, NeuronId};

/// Neurons of a layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Members<'a> {
    layer: &'a Layer,
    who: Who<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Who<'a> {
    All,
    Cell(&'a Cells, usize),
    One(usize),
}

impl<'a> Members<'a> {
    pub(super) fn all(layer: &'a Layer) -> Self {
        Self { layer, who: Who::All }
    }

    pub(super) fn of_cell(layer: &'a Layer, cells: &'a Cells, cell: usize) -> Self {
        Self { layer, who: Who::Cell(cells, cell) }
    }

    pub(super) fn one(layer: &'a Layer, neuron: usize) -> Self {
        Self { layer, who: Who::One(neuron) }
    }

    pub(super) fn len(self) -> usize {
        match self.who {
            Who::All => self.layer.neurons.len(),
            Who::Cell(cells, _) => cells.size(),
            Who::One(_) => 1,
        }
    }

    /// The position of a neuron among them; `None` if it is not one of them.
    #[inline]
    pub(super) fn index(self, neuron: NeuronId) -> Option<usize> {
        let neurons = &self.layer.neurons;
        let index = neuron.index().wrapping_sub(neurons.start);
        let is_of_layer = index < neurons.len();
        match self.who {
            _ if !is_of_layer => None,
            Who::All => Some(index),
            Who::One(own) => (index == own).then_some(0),
            Who::Cell(cells, own) => {
                let (cell, place) = cells.place_of(index);
                (cell == own).then_some(place)
            }
        }
    }
}
