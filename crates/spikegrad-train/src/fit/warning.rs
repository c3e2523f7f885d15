//! What a user is told that is no error: settings without effect, input that is not heard, a network that does not answer.
//!
//! A warning depends on the run alone, not on the session: it stands in the record of the epoch that it is about, or of the first, and
//! says the same when the run is repeated. Not here: where it is shown.

use std::fmt;

use super::EpochRecord;
use super::classifier::Classifier;
use crate::Config;
use crate::config::parameters;
use crate::data::{DataSet, Inputs, Splits};
use crate::encode::Encoder;
use crate::optimise::Decays;
use crate::words::short;
use spikegrad::dynamics::{GoesOn, Kind};

/// Something that is probably not meant.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Warning {
    /// Input spikes lie after the end of the run. Are the times in ms? The encoder's `scale` is a factor of them.
    LateSpikes {
        /// `training`, `validation` or `test`.
        part: &'static str,
        /// How many of them.
        late: usize,
        /// How many there are.
        all: usize,
        /// The end of the run, in s.
        t_end: f64,
    },
    /// A time of a layer is far longer than the run. Is it in ms?
    LongTime {
        /// The setting, levels separated by dots.
        key: String,
        /// Its value, in s.
        value: f64,
        /// The end of the run, in s.
        t_end: f64,
    },
    /// A setting that changes nothing.
    NoEffect {
        /// The setting, levels separated by dots.
        key: String,
        /// Why it has none.
        why: &'static str,
    },
    /// No parameter is trained.
    NothingTrained,
    /// No neuron of a layer spiked in any training sample of an epoch, and nothing else of it is heard.
    SilentLayer {
        /// Its name.
        layer: String,
        /// Its number of neurons.
        size: usize,
        /// Whether it is the output.
        is_output: bool,
    },
    /// A policy for grazing spikes acted in an epoch: its gradients were not exact.
    Inexact {
        /// At how many spikes and touches.
        count: u64,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LateSpikes { part, late, all, t_end } if late == all => write!(
                f,
                "all {all} input spikes of the {part} set lie after the end of the run at {t_end:?} s, and none is heard; times are in s: `encoder.scale` is a factor of them"
            ),
            Self::LateSpikes { part, late, all, t_end } => write!(
                f,
                "{late} of the {all} input spikes of the {part} set lie after the end of the run at {t_end:?} s, and are not heard; times are in s: `encoder.scale` is a factor of them"
            ),
            Self::LongTime { key, value, t_end } => write!(
                f,
                "setting `{key}` is {value:?} s, far longer than the run of {t_end:?} s; times are in s: is it in ms?"
            ),
            Self::NoEffect { key, why } => write!(f, "setting `{key}` has no effect: {why}"),
            Self::NothingTrained => {
                f.write_str("no parameter is trained: what has a learning rate is not there")
            }
            Self::SilentLayer { layer, size, is_output } => {
                let layer = short(layer);
                let remedy = match is_output {
                    true => "nothing can be answered, and no gradient comes from there",
                    false => "nothing is learned through it",
                };
                match size {
                    1 => write!(
                        f,
                        "the neuron of layer {layer} did not spike in any training sample: {remedy}"
                    )?,
                    _ => write!(
                        f,
                        "none of the {size} neurons of layer {layer} spiked in any training sample: {remedy}"
                    )?,
                }
                f.write_str("; larger initial weights help, or the setting `regularisers`")
            }
            Self::Inexact { count } => write!(
                f,
                "gradients of this epoch were not exact: the setting `grazing` acted at {count} grazing spikes or touches"
            ),
        }
    }
}

/// A time is suspicious from here on, in s, and if the run is this many times shorter.
const LONG: f64 = 1.0;
const TIMES_LONGER: f64 = 10.0;

/// What is to be said before the first epoch.
pub(super) fn at_the_start(classifier: &Classifier, data: &Splits) -> Vec<Warning> {
    let config = classifier.config();
    let mut warnings = late_spikes(config, data);
    warnings.extend(long_times(config));
    warnings.extend(without_effect(config, data.train.len().div_ceil(config.batch_size)));
    if classifier.n_trained() == 0 {
        warnings.push(Warning::NothingTrained);
    }
    warnings
}

/// What is to be said of an epoch.
pub(super) fn of_epoch(classifier: &Classifier, spikes: &[u64], inexact: u64) -> Vec<Warning> {
    let network = classifier.network();
    let follows_rates = classifier.config().loss.goes_on();
    let mut warnings = Vec::new();
    for (k, population) in network.populations().iter().enumerate() {
        let layer = &classifier.config().layers[k];
        let is_silent = spikes.get(network.range(k)).is_some_and(|own| own.iter().all(|&n| n == 0));
        // Who has not spiked is heard all the same, through the phase at the end of the run.
        let goes_on = follows_rates && population.model.goes_on() != GoesOn::Never;
        if layer.model.spikes() && is_silent && !goes_on {
            let (layer, size) = (population.name.clone(), population.size);
            let is_output = k == classifier.output();
            warnings.push(Warning::SilentLayer { layer, size, is_output });
        }
    }
    if inexact > 0 {
        warnings.push(Warning::Inexact { count: inexact });
    }
    warnings
}

/// The warnings of these epochs, each once, in their order.
pub(super) fn of_records(records: &[EpochRecord]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for warning in records.iter().flat_map(|record| &record.warnings) {
        if !all.contains(warning) {
            all.push(warning.clone());
        }
    }
    all
}

fn late_spikes(config: &Config, data: &Splits) -> Vec<Warning> {
    let Encoder::Spikes { scale, .. } = config.encoder else { return Vec::new() };
    let t_end = config.t_end;
    let of = |(part, set): (&'static str, &DataSet)| {
        let Inputs::Trains(trains) = &set.inputs else { return None };
        let late = trains.times.iter().filter(|time| **time * scale > t_end).count();
        let all = trains.times.len();
        (late > 0).then_some(Warning::LateSpikes { part, late, all, t_end })
    };
    let parts = [("training", &data.train), ("validation", &data.validation), ("test", &data.test)];
    parts.into_iter().filter_map(of).collect()
}

fn long_times(config: &Config) -> Vec<Warning> {
    let t_end = config.t_end;
    let mut warnings = Vec::new();
    for (k, layer) in config.layers.iter().enumerate() {
        let mut check = |key: &str, value: f64| {
            if value >= LONG && value >= TIMES_LONGER * t_end {
                let key = format!("layers.{k}.{key}");
                warnings.push(Warning::LongTime { key, value, t_end });
            }
        };
        for (_, quantity) in parameters(layer.model.table()) {
            let value = layer.neurons.get(quantity).filter(|_| quantity.kind == Kind::TimeConstant);
            value.iter().for_each(|value| check(quantity.key(), value.mean()));
        }
        for (key, delays) in
            [("delays", layer.delays), ("recurrent_delays", layer.recurrent_delays)]
        {
            delays.iter().for_each(|delays| check(key, delays.mean.abs().max(delays.std)));
        }
        for (n, skip) in layer.skip.iter().enumerate() {
            let delays = skip.delays.iter();
            delays.for_each(|d| check(&format!("skip.{n}.delays"), d.mean.abs().max(d.std)));
        }
    }
    warnings
}

/// Settings that change nothing, in a run whose epochs have so many batches.
fn without_effect(config: &Config, batches: usize) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut add = |key: String, why: &'static str, is_idle: bool| {
        if is_idle {
            warnings.push(Warning::NoEffect { key, why });
        }
    };
    rates_without_effect(config, &mut add);
    let layers = &config.layers;
    let rates = || layers.iter().map(|layer| layer.rates(&config.learning_rates));
    for (k, layer) in layers.iter().enumerate() {
        let is_idle = layer.recurrent_delays.is_some() && layer.recurrent.is_none();
        let why = "the layer has no synapses to itself, `recurrent`";
        add(format!("layers.{k}.recurrent_delays"), why, is_idle);
        for key in layer.neurons.idle(layer.model) {
            add(format!("layers.{k}.{key}"), "the model has no such number", true);
        }
    }
    let pushes = &config.regularisers;
    let is_deep = layers.len() > 1;
    let moves = |k: usize| rates().nth(k).is_some_and(|rates| rates.weights.is_some());
    let hidden_move = (0..layers.len() - 1).any(moves);
    let untrained = "the weights that it pushes are not trained";
    if let Some(wake) = pushes.wake_silent {
        let key = || "regularisers.wake_silent".to_owned();
        add(key(), "there is no hidden layer", !is_deep);
        add(key(), untrained, is_deep && !hidden_move);
        let why = "an epoch has fewer batches, and silence is counted anew in each";
        let is_idle = usize::try_from(wake.after).is_ok_and(|after| after > batches);
        add("regularisers.wake_silent.after".to_owned(), why, is_idle);
    }
    if let Some(rate) = &pushes.rate {
        let k = layers.iter().position(|layer| layer.name == rate.population);
        add("regularisers.rate".to_owned(), untrained, !k.is_some_and(moves));
    }
    if pushes.silent_label_push > 0.0 {
        let key = || "regularisers.silent_label_push".to_owned();
        let reads_first = config.loss.reads_first_spikes();
        add(key(), "the loss does not wait for the first spike of a label", !reads_first);
        add(key(), untrained, reads_first && !moves(layers.len() - 1));
    }
    let decays = config.optimiser.decays();
    let is_idle = decays == Some(Decays::Weights) && rates().all(|rates| rates.weights.is_none());
    add("optimiser.weight_decay".to_owned(), "no weights are trained", is_idle);
    warnings
}

/// Learning rates of what no layer has.
fn rates_without_effect(config: &Config, add: &mut impl FnMut(String, &'static str, bool)) {
    let has_delays = |k: usize| {
        let layer = &config.layers[k];
        let own = layer.recurrent.and(layer.recurrent_delays);
        layer.delays.is_some()
            || own.is_some()
            || layer.skip.iter().any(|skip| skip.delays.is_some())
    };
    // A part of the neurons that a learning rate is for.
    let has = |k: usize, rate: &str| {
        let mut own = parameters(config.layers[k].model.table());
        own.any(|(_, quantity)| quantity.learning_rate == Some(rate))
    };
    let layers = 0..config.layers.len();
    let no_delays = "no synapses have delays";
    let no_such = "no neurons have them";
    let of_all = &config.learning_rates;
    let key = |name| format!("learning_rates.{name}");
    add(key("delays"), no_delays, of_all.delays.is_some() && !layers.clone().any(has_delays));
    for (name, rate) in of_all.neurons.all() {
        add(key(name), no_such, rate.is_some() && !layers.clone().any(|k| has(k, name)));
    }
    for k in layers {
        let Some(own) = &config.layers[k].learning_rates else { continue };
        let is_set = |rate: Option<f64>| rate.is_some_and(|rate| rate > 0.0);
        let key = |name| format!("layers.{k}.learning_rates.{name}");
        add(key("delays"), no_delays, is_set(own.delays) && !has_delays(k));
        for (name, rate) in own.neurons.all() {
            add(key(name), no_such, is_set(rate) && !has(k, name));
        }
    }
}
