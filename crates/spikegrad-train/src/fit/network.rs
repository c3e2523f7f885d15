//! The network that a configuration describes, with its initial values.
//!
//! Weights are drawn from a stream for each connection, and values of neurons from one for each layer, so that one more layer
//! does not change the others. Connections that leave out layers come last, for the same reason. Not here: what its answer
//! means (`classifier.rs`), which of its values move (`trained.rs`), whether it fits into memory (`memory.rs`).

use spikegrad::dynamics::{NUMBERS, Quantity, Range, lif};
use spikegrad::{
    Connection, ConnectionParameters, Network, NetworkError, Parameters, Population,
    PopulationParameters, SharedWeights, Source, Synapse, Synapses, Values,
};

use super::memory;
use crate::config::{LayerConfig, NeuronValue, NeuronValues, Normal, Windows, parameters};
use crate::random::{Purpose, Stream, normal_matrix, stream};
use crate::{Checkpoint, Config, TrainError};

/// Synapses that are to be drawn.
struct Wiring {
    from: Source,
    to: usize,
    /// What sees only a part of the source.
    windows: Option<Windows>,
    weights: Normal,
    delays: Option<Normal>,
}

/// Makes the network for so many input channels and outputs.
pub(super) fn build(
    config: &Config,
    channels: usize,
    outputs: usize,
) -> Result<(Network, Parameters), TrainError> {
    let sizes = (0..config.layers.len()).map(|k| size(config, k).unwrap_or(outputs));
    let sizes = sizes.collect::<Vec<_>>();
    if let Some(output) = sizes.last().filter(|&&size| size != outputs) {
        return Err(TrainError::InvalidSetting {
            key: format!("layers.{}.size", config.layers.len() - 1),
            found: output.to_string(),
            rule: match config.loss.reads_targets() {
                true => "the number of outputs that the data have targets for, or null",
                false => "the number of classes, or null",
            },
        });
    }
    let populations = config.layers.iter().zip(&sizes).map(|(layer, &size)| Population {
        name: layer.name.clone(),
        size,
        model: layer.neuron().unwrap_or(layer.model.0),
    });
    let wirings = wirings(config);
    check_images(config, &sizes, channels)?;
    // Before the network is made: what fits nowhere has more neurons than an engine takes, too, and memory is the better reason.
    let planned = |wiring: &Wiring| -> Result<memory::Planned, TrainError> {
        let n_pre = match wiring.from {
            Source::Input => channels,
            Source::Population(k) => sizes[k],
        };
        let all = (n_pre as u64).saturating_mul(sizes[wiring.to] as u64);
        let synapses = wiring.windows.map_or(Ok(all), Windows::synapse_count)?;
        let weights = |windows: Windows| windows.kernels().into_iter().map(|n| n as u64).product();
        Ok(memory::Planned { synapses, kernels: wiring.windows.map(weights), layer: wiring.to })
    };
    memory::check(&wirings.iter().map(planned).collect::<Result<Vec<_>, _>>()?, config)?;
    let connections = wirings.iter().map(connection).collect::<Result<_, _>>()?;
    let network = Network::new(channels, populations.collect(), connections)?;
    let connections = wirings.iter().enumerate();
    let connections = connections.map(|(k, wiring)| values(config, wiring, k, &network));
    let all = network.populations().iter().enumerate();
    let populations = all.map(|(k, population)| neurons(config, k, population));
    let parameters =
        Parameters { populations: populations.collect(), connections: connections.collect() };
    Ok((network, parameters))
}

/// Number of neurons of layer `k`, if the configuration says it.
fn size(config: &Config, k: usize) -> Option<usize> {
    let windows = || config.windows(k)?.output_shape().ok();
    config.layers[k].size.or_else(|| Some(windows()?.into_iter().product()))
}

/// The number of input channels and of outputs of the network that a checkpoint holds.
pub(super) fn sizes_of(config: &Config, checkpoint: &Checkpoint) -> Result<[usize; 2], TrainError> {
    let last = config.layers.len() - 1;
    let weights = |k: usize| -> Result<[usize; 2], TrainError> {
        let tensor = format!("{}.weight", config.layers[k].name);
        match checkpoint.tensors.get(&tensor).map(|tensor| &tensor.shape[..]) {
            Some(&[post, pre]) => Ok([post, pre]),
            _ => Err(TrainError::MissingTensor { tensor }),
        }
    };
    let channels = match config.windows(0) {
        Some(windows) => {
            let pixels: usize = windows.input_shape().into_iter().product();
            pixels + usize::from(config.encoder.t_bias().is_some())
        }
        None => weights(0)?[1],
    };
    let outputs = match size(config, last) {
        Some(size) => size,
        None => weights(last)?[0],
    };
    Ok([channels, outputs])
}

/// Checks that images are made of what there is: the neurons of the layer before, or the input channels without the bias, which no window sees.
fn check_images(config: &Config, sizes: &[usize], channels: usize) -> Result<(), TrainError> {
    for k in 0..sizes.len() {
        let Some(windows) = config.windows(k) else { continue };
        let shape = windows.input_shape();
        let bias = usize::from(config.encoder.t_bias().is_some());
        let (of, there, rule) = match k.checked_sub(1) {
            None => ("input channels", channels - bias, "as many pixels as the samples have"),
            Some(before) => ("neurons", sizes[before], "as many pixels as the layer before has"),
        };
        if shape.into_iter().product::<usize>() != there {
            let found = format!("{shape:?} for {there} {of}");
            let key = format!("layers.{k}.kind.input_shape");
            return Err(TrainError::InvalidSetting { key, found, rule });
        }
    }
    Ok(())
}

fn connection(wiring: &Wiring) -> Result<Connection, NetworkError> {
    let Some(windows) = wiring.windows else {
        return Ok(Connection::new(wiring.from, wiring.to, Synapses::Dense));
    };
    let count = windows.kernels().into_iter().product();
    let list = windows.synapses()?.into_iter();
    let (synapses, weight_of) =
        list.map(|(pre, post, weight)| (Synapse { pre, post }, weight)).unzip();
    Ok(Connection {
        shared: Some(SharedWeights { count, weight_of }),
        ..Connection::new(wiring.from, wiring.to, Synapses::Sparse(synapses))
    })
}

/// All connections, in an order that does not change when some are added at the end.
fn wirings(config: &Config) -> Vec<Wiring> {
    let mut wirings = Vec::new();
    for (to, layer) in config.layers.iter().enumerate() {
        let LayerConfig { weights, delays, recurrent, recurrent_delays, .. } = *layer;
        let from = to.checked_sub(1).map_or(Source::Input, Source::Population);
        wirings.push(Wiring { from, to, windows: config.windows(to), weights, delays });
        if let Some(weights) = recurrent {
            let (from, delays) = (Source::Population(to), recurrent_delays);
            wirings.push(Wiring { from, to, windows: None, weights, delays });
        }
    }
    for (to, layer) in config.layers.iter().enumerate() {
        for skip in &layer.skip {
            let from = config.layers.iter().position(|other| other.name == skip.from);
            let from = from.map_or(Source::Input, Source::Population);
            let (weights, delays) = (skip.weights, skip.delays);
            wirings.push(Wiring { from, to, windows: None, weights, delays });
        }
    }
    wirings
}

/// Initial weights and delays of the connection at position `index`.
fn values(
    config: &Config,
    wiring: &Wiring,
    index: usize,
    network: &Network,
) -> ConnectionParameters {
    let count = network.weight_count(index);
    let draw = |purpose, normal: Normal, unit: f64| {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let mut rng = stream(config.seed, purpose, index);
        normal_matrix(1, count, unit * normal.mean, unit * normal.std, &mut rng)
    };
    let delay = match wiring.delays {
        Some(delays) => {
            let drawn = draw(Purpose::Delays, delays, 1.0);
            Values::Each(drawn.into_iter().map(f64::abs).collect())
        }
        None => Values::Shared(0.0),
    };
    let unit = config.layers[wiring.to].unit();
    let unit = wiring.windows.map_or(unit, |windows| windows.share(unit));
    ConnectionParameters { weights: draw(Purpose::Weights, wiring.weights, unit), delay }
}

/// The quantities that are drawn from streams of their own, whatever the model: runs depend on them.
const STREAMS: [(usize, Purpose); 4] = [
    (lif::TAU_MEM, Purpose::TauMem),
    (lif::TAU_SYN, Purpose::TauSyn),
    (lif::V_TH, Purpose::Thresholds),
    (lif::I_BIAS, Purpose::Biases),
];

/// Where the values of a quantity at `position` of the model of layer `k` are drawn from.
fn stream_of(seed: u64, k: usize, position: usize, quantity: &Quantity) -> Stream {
    let index = |k: usize| u32::try_from(k).unwrap_or(u32::MAX);
    let own = STREAMS.iter().find(|(of, _)| lif::TABLE.quantities[*of].path == quantity.path);
    match own {
        Some((_, purpose)) => stream(seed, *purpose, index(k)),
        None => stream(seed, Purpose::Neurons, index(k * NUMBERS + position)),
    }
}

/// Values of the neurons of layer `k`: one for each where they are drawn, or trained.
fn neurons(config: &Config, k: usize, population: &Population) -> PopulationParameters {
    let layer = &config.layers[k];
    let rates = layer.rates(&config.learning_rates);
    let &Population { size, model, .. } = population;
    let mut values = PopulationParameters::new(model);
    for (position, quantity) in parameters(model.table()) {
        let rate = quantity.learning_rate.and_then(|name| rates.neurons.get(name));
        let (value, factor) = layer.neurons.scaled(layer.model, quantity);
        let value = match (value, rate) {
            (NeuronValue::Drawn(drawn), _) => {
                let is_positive = NeuronValues::range(layer.model, quantity) != Range::Finite;
                let mut rng = stream_of(config.seed, k, position, quantity);
                Values::Each(drawn.draw(size, is_positive, &mut rng))
            }
            (NeuronValue::Same(value), Some(_)) => Values::Each(vec![value; size]),
            (NeuronValue::Same(value), None) => Values::Shared(value),
        };
        values[position] = value.map(|value| value * factor);
    }
    values
}
