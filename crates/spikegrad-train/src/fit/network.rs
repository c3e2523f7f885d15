//! The network that a configuration describes, with its initial values.
//!
//! Weights are drawn from a stream for each connection, and values of neurons from one for each layer, so that one more layer
//! does not change the others. Connections that leave out layers come last, for the same reason. Not here: what its answer
//! means (`classifier.rs`), which of its values move (`trained.rs`), whether it fits into memory (`memory.rs`).

use spikegrad::dynamics::lif;
use spikegrad::{
    Connection, ConnectionParameters, Model, Network, Parameters, Population, PopulationParameters,
    Source, Synapses, Values,
};

use super::memory;
use crate::config::{LayerConfig, LayerModel, LearningRates, NeuronValue, Normal};
use crate::random::{Purpose, normal_matrix, stream};
use crate::{Config, TrainError};

/// Synapses that are to be drawn.
struct Wiring {
    from: Source,
    to: usize,
    weights: Normal,
    delays: Option<Normal>,
}

/// Makes the network for so many input channels and outputs.
pub(super) fn build(
    config: &Config,
    channels: usize,
    outputs: usize,
) -> Result<(Network, Parameters), TrainError> {
    let size = |layer: &LayerConfig| layer.size.unwrap_or(outputs);
    if let Some(output) = config.layers.last().filter(|layer| size(layer) != outputs) {
        return Err(TrainError::InvalidSetting {
            key: format!("layers.{}.size", config.layers.len() - 1),
            found: size(output).to_string(),
            rule: match config.loss.reads_targets() {
                true => "the number of outputs that the data have targets for, or null",
                false => "the number of classes, or null",
            },
        });
    }
    let populations = config.layers.iter().map(|layer| Population {
        name: layer.name.clone(),
        size: size(layer),
        model: model(layer),
    });
    let wirings = wirings(config);
    // Before the network is made: what fits nowhere has more neurons than an engine takes, too, and memory is the better reason.
    let shape = |wiring: &Wiring| {
        let n_pre = match wiring.from {
            Source::Input => channels,
            Source::Population(k) => size(&config.layers[k]),
        };
        memory::Shape { n_pre, n_post: size(&config.layers[wiring.to]), layer: wiring.to }
    };
    memory::check(&wirings.iter().map(shape).collect::<Vec<_>>(), config)?;
    let connection = |wiring: &Wiring| Connection {
        from: wiring.from,
        to: wiring.to,
        synapses: Synapses::Dense,
    };
    let network =
        Network::new(channels, populations.collect(), wirings.iter().map(connection).collect())?;
    let connections = wirings.iter().enumerate();
    let connections = connections.map(|(k, wiring)| synapses(config, wiring, k, network.shape(k)));
    let layers = config.layers.iter().enumerate();
    let populations = layers.map(|(k, layer)| neurons(config, k, size(layer)));
    let parameters =
        Parameters { populations: populations.collect(), connections: connections.collect() };
    Ok((network, parameters))
}

/// The model of a layer's neurons.
fn model(layer: &LayerConfig) -> Model {
    match layer.model {
        LayerModel::Lif => Model::Lif,
        LayerModel::Li => Model::Li,
    }
}

/// All connections, in an order that does not change when some are added at the end.
fn wirings(config: &Config) -> Vec<Wiring> {
    let mut wirings = Vec::new();
    for (to, layer) in config.layers.iter().enumerate() {
        let LayerConfig { weights, delays, recurrent, recurrent_delays, .. } = *layer;
        let from = to.checked_sub(1).map_or(Source::Input, Source::Population);
        wirings.push(Wiring { from, to, weights, delays });
        if let Some(weights) = recurrent {
            let (from, delays) = (Source::Population(to), recurrent_delays);
            wirings.push(Wiring { from, to, weights, delays });
        }
    }
    for (to, layer) in config.layers.iter().enumerate() {
        for skip in &layer.skip {
            let from = config.layers.iter().position(|other| other.name == skip.from);
            let from = from.map_or(Source::Input, Source::Population);
            wirings.push(Wiring { from, to, weights: skip.weights, delays: skip.delays });
        }
    }
    wirings
}

/// Initial weights and delays of the connection at position `index`.
fn synapses(
    config: &Config,
    wiring: &Wiring,
    index: usize,
    (n_pre, n_post): (usize, usize),
) -> ConnectionParameters {
    let draw = |purpose, normal: Normal, unit: f64| {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let mut rng = stream(config.seed, purpose, index);
        normal_matrix(n_post, n_pre, unit * normal.mean, unit * normal.std, &mut rng)
    };
    let delay = match wiring.delays {
        Some(delays) => {
            let drawn = draw(Purpose::Delays, delays, 1.0);
            Values::Each(drawn.into_iter().map(f64::abs).collect())
        }
        None => Values::Shared(0.0),
    };
    let unit = config.layers[wiring.to].v_th.mean();
    ConnectionParameters { weights: draw(Purpose::Weights, wiring.weights, unit), delay }
}

/// Values of the neurons of layer `k`: one for each where they are drawn, or trained.
fn neurons(config: &Config, k: usize, size: usize) -> PopulationParameters {
    let layer = &config.layers[k];
    let rates: LearningRates = config.learning_rates.with(layer.learning_rates);
    let index = u32::try_from(k).unwrap_or(u32::MAX);
    let value = |value: NeuronValue, rate: Option<f64>, purpose, is_positive| match (value, rate) {
        (NeuronValue::Drawn(drawn), _) => {
            let mut rng = stream(config.seed, purpose, index);
            Values::Each(drawn.draw(size, is_positive, &mut rng))
        }
        (NeuronValue::Same(value), Some(_)) => Values::Each(vec![value; size]),
        (NeuronValue::Same(value), None) => Values::Shared(value),
    };
    let unit = layer.v_th.mean();
    let mut values = PopulationParameters::new(model(layer));
    let drawn = [
        (lif::TAU_MEM, value(layer.tau_mem, rates.tau_mem, Purpose::TauMem, true)),
        (lif::TAU_SYN, value(layer.tau_syn, rates.tau_syn, Purpose::TauSyn, true)),
        (lif::V_TH, value(layer.v_th, rates.thresholds, Purpose::Thresholds, true)),
        (
            lif::I_BIAS,
            value(layer.bias, rates.biases, Purpose::Biases, false).map(|bias| bias * unit),
        ),
        (lif::T_REF, Values::Shared(layer.t_ref)),
    ];
    // An integrator has no threshold, which is but its unit, and no refractory time.
    let table = values.model().table();
    for (position, drawn) in drawn {
        if let Some(own) = table.position(lif::TABLE.quantities[position].path) {
            values[own] = drawn;
        }
    }
    values
}
