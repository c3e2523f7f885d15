//! The network that a configuration describes, with its initial values.
//!
//! Weights are drawn from a stream for each connection, so that one more layer does not change the others. Not here: what
//! its answer means (`classifier.rs`), which of its values move (`trained.rs`).

use spikegrad::{
    Connection, ConnectionParameters, Model, Network, Parameters, Population, PopulationParameters,
    Source, Synapses, Values,
};

use crate::config::{LayerConfig, LayerModel, LearningRates, Normal};
use crate::random::{Purpose, normal_matrix, stream};
use crate::{Config, TrainError};

/// Makes the network for so many input channels and classes.
pub(super) fn build(
    config: &Config,
    channels: usize,
    classes: usize,
) -> Result<(Network, Parameters), TrainError> {
    let size = |layer: &LayerConfig| layer.size.unwrap_or(classes);
    if let Some(output) = config.layers.last().filter(|layer| size(layer) != classes) {
        return Err(TrainError::InvalidSetting {
            key: format!("layers.{}.size", config.layers.len() - 1),
            found: size(output).to_string(),
            rule: "the number of classes, or null",
        });
    }
    let populations = config.layers.iter().map(|layer| Population {
        name: layer.name.clone(),
        size: size(layer),
        model: match layer.model {
            LayerModel::Lif => Model::Lif,
            LayerModel::Li => Model::Li,
        },
    });
    let mut connections = Vec::new();
    let mut values = Vec::new();
    let mut n_pre = channels;
    for (k, layer) in config.layers.iter().enumerate() {
        let from = if k == 0 { Source::Input } else { Source::Population(k - 1) };
        connections.push(Connection { from, to: k, synapses: Synapses::Dense });
        values.push(synapses(config, layer, layer.weights, values.len(), n_pre, size(layer)));
        if let Some(recurrent) = layer.recurrent {
            let from = Source::Population(k);
            connections.push(Connection { from, to: k, synapses: Synapses::Dense });
            let own = LayerConfig { delays: None, ..layer.clone() };
            values.push(synapses(config, &own, recurrent, values.len(), size(layer), size(layer)));
        }
        n_pre = size(layer);
    }
    let neurons =
        config.layers.iter().map(|layer| neurons(layer, size(layer), &config.learning_rates));
    let parameters = Parameters { populations: neurons.collect(), connections: values };
    let network = Network::new(channels, populations.collect(), connections)?;
    Ok((network, parameters))
}

/// Initial weights and delays of the connection at position `index`.
fn synapses(
    config: &Config,
    layer: &LayerConfig,
    weights: Normal,
    index: usize,
    n_pre: usize,
    n_post: usize,
) -> ConnectionParameters {
    let draw = |purpose, normal: Normal, unit: f64| {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let mut rng = stream(config.seed, purpose, index);
        normal_matrix(n_post, n_pre, unit * normal.mean, unit * normal.std, &mut rng)
    };
    let delay = match layer.delays {
        Some(delays) => {
            let drawn = draw(Purpose::Delays, delays, 1.0);
            Values::Each(drawn.into_iter().map(f64::abs).collect())
        }
        None => Values::Shared(0.0),
    };
    ConnectionParameters { weights: draw(Purpose::Weights, weights, layer.v_th), delay }
}

/// Values of a layer's neurons: one for each where they are trained.
fn neurons(layer: &LayerConfig, size: usize, rates: &LearningRates) -> PopulationParameters {
    let value = |value: f64, rate: Option<f64>| match rate {
        Some(_) => Values::Each(vec![value; size]),
        None => Values::Shared(value),
    };
    PopulationParameters {
        tau_mem: value(layer.tau_mem, rates.tau_mem),
        tau_syn: value(layer.tau_syn, rates.tau_syn),
        v_th: value(layer.v_th, rates.thresholds),
        i_bias: value(layer.bias * layer.v_th, rates.biases),
        t_ref: Values::Shared(layer.t_ref),
        ..PopulationParameters::default()
    }
}
