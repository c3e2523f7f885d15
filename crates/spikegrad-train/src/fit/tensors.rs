//! Every number of a network by a name: that under which a checkpoint holds it.
//!
//! | name | shape | holds |
//! | --- | --- | --- |
//! | `LAYER.weight` | neurons × neurons of the layer before, or inputs | weights |
//! | the same of a convolution | output × input channels × height × width of a kernel | weights |
//! | the same of an average pool | 1 | its weight |
//! | `LAYER.recurrent_weight` | neurons × neurons | weights from the layer to itself |
//! | `LAYER.weight_from_SOURCE` | neurons × neurons of the source | weights that leave out the layers between |
//! | `LAYER.delay`, and so on | as the weights, or none | delays in s |
//! | `LAYER.PARAMETER` | neurons, or none | what the table of the model calls so, as in a problem file |
//! | `LAYER.initial_v` | neurons, or none | potentials at time 0 |
//!
//! A number that is shared by all stands alone, as a tensor without dimensions. Not here: which of them are trained
//! (`trained.rs`), the file (`checkpoint.rs`).

use spikegrad::dynamics::{Quantity, Range};
use spikegrad::{Network, Parameters, Source, Values};

use crate::config::{Windows, parameters};
use crate::optimise::Constraint;
use crate::{Config, Tensor, TrainError};

/// Values of one kind of one layer or connection, with their name.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Named {
    /// Such as `hidden.weight`.
    pub(super) name: String,
    /// The layer whose neurons they belong to, or reach.
    pub(super) layer: usize,
    pub(super) place: Place,
    /// Shape, if each neuron or synapse has its own.
    pub(super) each: Vec<usize>,
}

/// Where values stand; with the position of a connection or population.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Weights(usize),
    Delays(usize),
    /// And the position in the table of the population's model.
    Neurons(usize, usize),
}

impl Place {
    /// Whether these are weights.
    pub(super) fn is_weights(self) -> bool {
        matches!(self, Self::Weights(_))
    }

    /// The connection, if these are values of one.
    pub(super) fn connection(self) -> Option<usize> {
        match self {
            Self::Weights(k) | Self::Delays(k) => Some(k),
            Self::Neurons(..) => None,
        }
    }

    /// What the model says of such values, if they are those of neurons.
    pub(super) fn quantity(self, network: &Network) -> Option<&'static Quantity> {
        match self {
            Self::Neurons(k, position) => {
                Some(&network.populations()[k].model.table().quantities[position])
            }
            Self::Weights(_) | Self::Delays(_) => None,
        }
    }

    /// In which coordinate such values move, where nothing bounds them.
    pub(super) fn constraint(self, network: &Network) -> Constraint {
        match self.quantity(network) {
            Some(Quantity { range: Range::Positive, .. }) => Constraint::Positive,
            Some(Quantity { range: Range::NotNegative, .. }) => Constraint::AtLeast(0.0),
            _ => Constraint::None,
        }
    }

    /// Whether each neuron or synapse has a value of its own.
    pub(super) fn is_own(self, parameters: &Parameters) -> bool {
        !matches!(self.form(parameters), Some(Values::Shared(_)))
    }

    /// The values, where they may be shared.
    fn form(self, parameters: &Parameters) -> Option<&Values<f64>> {
        match self {
            Self::Weights(_) => None,
            Self::Delays(k) => Some(&parameters.connections[k].delay),
            Self::Neurons(k, position) => Some(&parameters.populations[k][position]),
        }
    }

    fn form_mut(self, parameters: &mut Parameters) -> Option<&mut Values<f64>> {
        match self {
            Self::Weights(_) => None,
            Self::Delays(k) => Some(&mut parameters.connections[k].delay),
            Self::Neurons(k, position) => Some(&mut parameters.populations[k][position]),
        }
    }

    pub(super) fn values(self, parameters: &Parameters) -> &[f64] {
        match self {
            Self::Weights(k) => &parameters.connections[k].weights,
            _ => self.form(parameters).map_or(&[], Values::as_slice),
        }
    }

    pub(super) fn values_mut(self, parameters: &mut Parameters) -> &mut [f64] {
        match self {
            Self::Weights(k) => &mut parameters.connections[k].weights,
            _ => self.form_mut(parameters).map_or(&mut [], Values::as_mut_slice),
        }
    }
}

impl Named {
    /// Everything that a network is made of: connections, then neurons.
    pub(super) fn all(config: &Config, network: &Network) -> Vec<Self> {
        let mut all = Vec::new();
        for (k, connection) in network.connections().iter().enumerate() {
            let layer = connection.to;
            let name = |what: &str| {
                let own = &network.populations()[layer].name;
                match connection.from {
                    Source::Population(from) if from == layer => format!("{own}.recurrent_{what}"),
                    Source::Population(from) if from + 1 < layer => {
                        format!("{own}.{what}_from_{}", network.populations()[from].name)
                    }
                    Source::Input if layer > 0 => format!("{own}.{what}_from_input"),
                    _ => format!("{own}.{what}"),
                }
            };
            let (n_pre, n_post) = network.shape(k);
            let kernels = connection
                .shared
                .as_ref()
                .and_then(|_| config.windows(layer))
                .map(Windows::kernels);
            let each = kernels.unwrap_or_else(|| vec![n_post, n_pre]);
            for (what, place) in [("weight", Place::Weights(k)), ("delay", Place::Delays(k))] {
                all.push(Self { name: name(what), layer, place, each: each.clone() });
            }
        }
        for (layer, population) in network.populations().iter().enumerate() {
            for (position, quantity) in parameters(population.model.table()) {
                // `v` alone would be that of any time.
                let is_initial = quantity.is_initial();
                let own = if is_initial { quantity.key() } else { quantity.name() };
                let name = format!("{}.{own}", population.name);
                let place = Place::Neurons(layer, position);
                all.push(Self { name, layer, place, each: vec![population.size] });
            }
        }
        all
    }

    /// Its shape: none for a value that is shared.
    pub(super) fn shape(&self, parameters: &Parameters) -> &[usize] {
        if self.place.is_own(parameters) { &self.each } else { &[] }
    }

    /// Takes the values of a tensor, whose form may be the other: one number, or one for each.
    ///
    /// # Errors
    ///
    /// [`TrainError::TensorShape`].
    pub(super) fn take(
        &self,
        tensor: &Tensor,
        parameters: &mut Parameters,
    ) -> Result<(), TrainError> {
        let Tensor { shape, values } = tensor;
        let is_each = *shape == self.each;
        match self.place.form_mut(parameters) {
            Some(form) if is_each => *form = Values::Each(values.clone()),
            // Whoever has values of their own keeps them, if only all the same.
            Some(form) if shape.is_empty() => form.as_mut_slice().fill(values[0]),
            None if is_each => self.place.values_mut(parameters).copy_from_slice(values),
            _ => {
                let (expected, found) = (self.each.clone(), shape.clone());
                return Err(TrainError::TensorShape { tensor: self.name.clone(), expected, found });
            }
        }
        Ok(())
    }

    /// Its values, as a checkpoint holds them.
    pub(super) fn tensor(&self, parameters: &Parameters) -> Tensor {
        let values = self.place.values(parameters).to_vec();
        Tensor { shape: self.shape(parameters).to_vec(), values }
    }
}
