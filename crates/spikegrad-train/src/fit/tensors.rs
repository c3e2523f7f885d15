//! Every number of a network by a name: that under which a checkpoint holds it.
//!
//! | name | shape | holds |
//! | --- | --- | --- |
//! | `LAYER.weight` | neurons × neurons of the layer before, or inputs | weights |
//! | `LAYER.recurrent_weight` | neurons × neurons | weights from the layer to itself |
//! | `LAYER.weight_from_SOURCE` | neurons × neurons of the source | weights that leave out the layers between |
//! | `LAYER.delay`, and so on | as the weights, or none | delays in s |
//! | `LAYER.tau_mem`, `tau_syn`, `v_th`, `v_reset`, `v_leak`, `i_bias`, `t_ref` | neurons, or none | as in a problem file |
//!
//! A number that is shared by all stands alone, as a tensor without dimensions. Not here: which of them are trained
//! (`trained.rs`), the file (`checkpoint.rs`).

use spikegrad::{Model, Network, Parameters, Source, Values};

use crate::optimise::Constraint;
use crate::{Tensor, TrainError};

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
    Neurons(usize, Kind),
}

/// A value of a neuron.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    TauMem,
    TauSyn,
    Threshold,
    Reset,
    Leak,
    Bias,
    Refractory,
}

impl Kind {
    /// All of them, as a problem file calls them; of the first, a leaky integrator has some.
    const ALL: [(Self, &'static str, bool); 7] = [
        (Self::TauMem, "tau_mem", true),
        (Self::TauSyn, "tau_syn", true),
        (Self::Threshold, "v_th", false),
        (Self::Reset, "v_reset", false),
        (Self::Leak, "v_leak", true),
        (Self::Bias, "i_bias", true),
        (Self::Refractory, "t_ref", false),
    ];
}

impl Place {
    /// Whether these are weights.
    pub(super) fn is_weights(self) -> bool {
        matches!(self, Self::Weights(_))
    }

    /// In which coordinate such values move, where nothing bounds them.
    pub(super) fn constraint(self) -> Constraint {
        match self {
            Self::Neurons(_, Kind::TauMem | Kind::TauSyn) => Constraint::Positive,
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
            Self::Neurons(k, kind) => {
                let population = &parameters.populations[k];
                Some(match kind {
                    Kind::TauMem => &population.tau_mem,
                    Kind::TauSyn => &population.tau_syn,
                    Kind::Threshold => &population.v_th,
                    Kind::Reset => &population.v_reset,
                    Kind::Leak => &population.v_leak,
                    Kind::Bias => &population.i_bias,
                    Kind::Refractory => &population.t_ref,
                })
            }
        }
    }

    fn form_mut(self, parameters: &mut Parameters) -> Option<&mut Values<f64>> {
        match self {
            Self::Weights(_) => None,
            Self::Delays(k) => Some(&mut parameters.connections[k].delay),
            Self::Neurons(k, kind) => {
                let population = &mut parameters.populations[k];
                Some(match kind {
                    Kind::TauMem => &mut population.tau_mem,
                    Kind::TauSyn => &mut population.tau_syn,
                    Kind::Threshold => &mut population.v_th,
                    Kind::Reset => &mut population.v_reset,
                    Kind::Leak => &mut population.v_leak,
                    Kind::Bias => &mut population.i_bias,
                    Kind::Refractory => &mut population.t_ref,
                })
            }
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
    pub(super) fn all(network: &Network) -> Vec<Self> {
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
            for (what, place) in [("weight", Place::Weights(k)), ("delay", Place::Delays(k))] {
                all.push(Self { name: name(what), layer, place, each: vec![n_post, n_pre] });
            }
        }
        for (layer, population) in network.populations().iter().enumerate() {
            let spikes = population.model == Model::Lif;
            for (kind, what, _) in Kind::ALL.into_iter().filter(|(_, _, always)| *always || spikes)
            {
                let (name, place) =
                    (format!("{}.{what}", population.name), Place::Neurons(layer, kind));
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
