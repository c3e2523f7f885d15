//! The network of a training configuration, trained on a grid of time steps with surrogate gradients: the baseline beside `spikegrad train`.
//!
//! Data, initial values, order and variation of the samples, optimiser, schedule and read-out are those of the configuration; only the gradient is another. Weights and the numbers of leaky neurons
//! are trained as there; delays are rounded to the grid and stay as they are. Settings that it does not take are refused.
//! Figures: `docs/results/spoken_digits.md`.
//!
//! ```sh
//! cargo run --release -p spikegrad-examples --example training_with_surrogates  # a few epochs of random manifolds
//! cargo run --release -p spikegrad-examples --example training_with_surrogates -- CONFIG DATA [KEY=VALUE ...]
//! ```
//!
//! `dt` and `beta`, the step in s and the scale of the surrogate, are keys beside those of the configuration.
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use spikegrad::dynamics::Range;
use spikegrad::{AnyLoss, Parameters, ShapedVoltageCrossEntropy, Stimulus};
use spikegrad_compare::time_stepped::{
    GridSample, Height, Run, Shape, SteppedNetwork, SteppedSettings, Surrogate, View, grid_loss_of,
    shaped_scores,
};
use spikegrad_train::config::{LossConfig, NeuronRates};
use spikegrad_train::fit::Classifier;
use spikegrad_train::optimise::{Constraint, Decays, Pace};
use spikegrad_train::random::{Purpose, permutation, sample_stream, stream};
use spikegrad_train::{Config, DataSet, Optimiser};
use std::error::Error;

/// Step of the grid, in s, and scale of the surrogate, per unit of potential, unless they are given.
const DT: f64 = 1e-3;
const BETA: f64 = 10.0;

/// One kind of number that is trained.
struct Part {
    place: Place,
    rate: f64,
    constraint: Constraint,
}

#[derive(Clone, Copy)]
enum Place {
    Weights(usize),
    Neurons(usize, usize),
}

impl Part {
    fn values<'a>(&self, parameters: &'a Parameters) -> &'a [f64] {
        match self.place {
            Place::Weights(k) => &parameters.connections[k].weights,
            Place::Neurons(k, position) => parameters.populations[k][position].as_slice(),
        }
    }

    fn values_mut<'a>(&self, parameters: &'a mut Parameters) -> &'a mut [f64] {
        match self.place {
            Place::Weights(k) => &mut parameters.connections[k].weights,
            Place::Neurons(k, position) => parameters.populations[k][position].as_mut_slice(),
        }
    }
}

/// What is trained, as the configuration says it.
fn parts(config: &Config, classifier: &Classifier) -> Vec<Part> {
    let network = classifier.network();
    let mut parts = Vec::new();
    for (k, connection) in network.connections().iter().enumerate() {
        let rates = config.layers[connection.to].rates(&config.learning_rates);
        let part = |rate| Part { place: Place::Weights(k), rate, constraint: Constraint::None };
        parts.extend(rates.weights.map(part));
    }
    for (k, layer) in config.layers.iter().enumerate() {
        let rates: NeuronRates = layer.rates(&config.learning_rates).neurons;
        for (position, quantity) in layer.model.table().quantities.iter().enumerate() {
            let rate = quantity.learning_rate.and_then(|name| rates.get(name));
            let is_threshold =
                layer.model.table().threshold_and_reset.map(|(at, _)| at) == Some(position);
            let bound = config.bounds.thresholds.filter(|_| is_threshold);
            let constraint = match (bound, quantity.range) {
                (Some(bound), _) => Constraint::AtLeast(layer.unit() * bound),
                (None, Range::Positive) => Constraint::Positive,
                (None, Range::NotNegative) => Constraint::AtLeast(0.0),
                (None, Range::Finite) => Constraint::None,
            };
            let part = |rate| Part { place: Place::Neurons(k, position), rate, constraint };
            parts.extend(rate.map(part));
        }
    }
    parts
}

/// The configuration, and step and scale, from the arguments; without any, a short run on random manifolds.
fn asked() -> Result<(Config, f64, f64), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (mut dt, mut beta) = (DT, BETA);
    let [config, data, settings @ ..] = &arguments[..] else {
        let mut config = Config::built_in("randman").ok_or("there is no such configuration")?;
        for (key, value) in [("epochs", "3"), ("layers.0.size", "40"), ("average", "null")] {
            config.set(key, value)?;
        }
        return Ok((config, dt, beta));
    };
    let mut config = Config::from_json(&std::fs::read_to_string(config)?)?;
    for setting in settings {
        let (key, value) = setting.split_once('=').ok_or("a setting is KEY=VALUE")?;
        match key {
            "dt" => dt = value.parse()?,
            "beta" => beta = value.parse()?,
            _ => config.set(key, value)?,
        }
    }
    if let Some(path) = config.data.path_mut() {
        *path = Some(data.into());
    }
    Ok((config, dt, beta))
}

/// The input of sample `k`, varied as in this epoch of training, if there is one.
fn stimulus(
    config: &Config,
    data: &DataSet,
    k: usize,
    epoch: Option<u32>,
) -> Result<Stimulus, Box<dyn Error>> {
    let mut rng;
    let varied = match (epoch, &config.augmentation) {
        (Some(epoch), Some(augmentation)) => {
            rng = sample_stream(config.seed, Purpose::Augmentation, epoch, u32::try_from(k)?);
            Some((augmentation, &mut rng))
        }
        _ => None,
    };
    let mut spikes = Vec::new();
    config.encoder.encode(data.input(k), varied, config.t_end, &mut spikes)?;
    Ok(Stimulus::new(config.t_end, spikes)?)
}

/// Position of the largest value.
fn largest(values: &[f64]) -> Option<usize> {
    values.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(k, _)| k)
}

/// The share of samples whose label has the highest score, and the mean number of spikes.
fn score(
    classifier: &Classifier,
    parameters: &Parameters,
    settings: &SteppedSettings,
    data: &DataSet,
    losses: &[AnyLoss],
) -> Result<(f64, f64), Box<dyn Error>> {
    let network = SteppedNetwork::new(classifier.network(), parameters, settings.clone())?;
    let outputs = classifier.network().range(classifier.output());
    let all = (0..data.len()).map(|k| stimulus(classifier.config(), data, k, None));
    let stimuli = all.collect::<Result<Vec<_>, _>>()?;
    let sample = |(stimulus, &label): (_, &usize)| {
        Ok(GridSample { stimulus, loss: grid_loss_of(&losses[label])? })
    };
    let samples = stimuli.iter().zip(&data.labels).map(sample);
    let samples = samples.collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    let answers = network.value_batch(&samples, |k, run: &Run| {
        let AnyLoss::ShapedVoltageCrossEntropy(loss) = &losses[data.labels[k]] else {
            return (false, 0);
        };
        let scores = shaped_scores(loss, &View::new(run, outputs.clone()));
        let spikes: usize = (0..=run.steps()).map(|step| run.emitted(step).count()).sum();
        (largest(&scores) == Some(data.labels[k]), spikes)
    })?;
    let share = 1.0 / f64::from(u32::try_from(answers.len())?);
    let right = u32::try_from(answers.iter().filter(|(_, (is_right, _))| *is_right).count())?;
    let spikes = u32::try_from(answers.iter().map(|(_, (_, spikes))| spikes).sum::<usize>())?;
    Ok((share * f64::from(right), share * f64::from(spikes)))
}

fn main() -> Result<(), Box<dyn Error>> {
    let (config, dt, beta) = asked()?;
    config.validate()?;
    let is_plain = config.penalties.is_empty()
        && config.init.is_none()
        && config.best.is_none()
        && config.average.is_none()
        && config.clip.is_none()
        && config.regularisers == spikegrad_train::Regularisers::default();
    if !is_plain {
        return Err(
            "penalties, regularisers, clip, average, init and best are not taken here".into()
        );
    }
    let LossConfig::ShapedVoltageCrossEntropy { tau, scale } = config.loss else {
        return Err("the loss must be shaped-voltage-cross-entropy here".into());
    };
    let data = config.data.load()?;
    let channels = config.encoder.channels(&data.train.inputs);
    let classifier = Classifier::new(&config, channels, data.train.classes.len())?;
    let (network, mut parameters) = (classifier.network(), classifier.parameters().clone());
    let population = &network.populations()[classifier.output()].name;
    let loss =
        |label| ShapedVoltageCrossEntropy { population: population.clone(), label, tau, scale };
    let losses: Vec<AnyLoss> = (0..classifier.classes()).map(|k| loss(k).into()).collect();

    let parts = parts(&config, &classifier);
    let settings = SteppedSettings {
        time_constants: parts.iter().any(|part| matches!(part.constraint, Constraint::Positive)),
        ..SteppedSettings::new(
            dt,
            Surrogate { shape: Shape::SuperSpike, beta, height: Height::One },
        )
    };
    let free = |parameters: &Parameters| -> Vec<f64> {
        let free = |part: &Part| {
            let values = part.values(parameters).iter();
            values.map(|&value| part.constraint.to_free(value)).collect::<Vec<_>>()
        };
        parts.iter().flat_map(free).collect()
    };
    let mut row = free(&parameters);
    let mut optimiser = Optimiser::new(config.optimiser, row.len());
    let train = &data.train;
    let mut reached = 0.0;
    for epoch in 0..config.epochs {
        let order = permutation(train.len(), &mut stream(config.seed, Purpose::Shuffle, epoch));
        let count = f64::from(u32::try_from(train.len().div_ceil(config.batch_size))?);
        for (number, batch) in order.chunks(config.batch_size).enumerate() {
            let stimuli = batch.iter().map(|&k| stimulus(&config, train, k, Some(epoch + 1)));
            let stimuli = stimuli.collect::<Result<Vec<_>, _>>()?;
            let sample = |(stimulus, &k): (_, &usize)| {
                Ok(GridSample { stimulus, loss: grid_loss_of(&losses[train.labels[k]])? })
            };
            let samples = stimuli.iter().zip(batch).map(sample);
            let samples = samples.collect::<Result<Vec<_>, Box<dyn Error>>>()?;
            let stepped = SteppedNetwork::new(network, &parameters, settings.clone())?;
            let sum = stepped.value_and_grad_batch(&parameters, &samples, |_, _| ())?.gradient;
            let share = 1.0 / f64::from(u32::try_from(batch.len())?);
            let of_part = |part: &Part| {
                let pairs = part.values(&parameters).iter().zip(part.values(&sum));
                pairs
                    .map(|(&value, g)| part.constraint.gradient(value, share * g))
                    .collect::<Vec<_>>()
            };
            let gradient: Vec<f64> = parts.iter().flat_map(of_part).collect();
            let within = (f64::from(u32::try_from(number)?) + 0.5) / count;
            let factor = config.schedule.factor(f64::from(epoch) + within, config.epochs);
            let pace = |part: &Part| Pace {
                length: part.values(&parameters).len(),
                rate: factor * part.rate,
                decays: match config.optimiser.decays() {
                    Some(Decays::All) => true,
                    Some(Decays::Weights) => matches!(part.place, Place::Weights(_)),
                    None => false,
                },
            };
            let paces: Vec<Pace> = parts.iter().map(pace).collect();
            optimiser.step(&paces, &mut row, &gradient);
            let mut from = row.iter();
            for part in &parts {
                for (value, &free) in part.values_mut(&mut parameters).iter_mut().zip(&mut from) {
                    *value = part.constraint.from_free(free);
                }
            }
            // What a bound has stopped starts from the bound.
            row = free(&parameters);
        }
        let of = |data| score(&classifier, &parameters, &settings, data, &losses);
        let kept = if data.validation.is_empty() { train } else { &data.validation };
        let (accuracy, spikes) = of(kept)?;
        println!(
            "epoch {}: {:.2} % of the {} samples are right, {spikes:.0} spikes a sample",
            epoch + 1,
            100.0 * accuracy,
            if data.validation.is_empty() { "training" } else { "validation" },
        );
        reached = accuracy;
        if epoch + 1 == config.epochs {
            println!(
                "at the end: {:.2} % of the test samples are right",
                100.0 * of(&data.test)?.0
            );
        }
    }
    // A guess is right in one case of as many as there are classes.
    assert!(reached * f64::from(u32::try_from(classifier.classes())?) > 2.0, "it learns nothing");
    Ok(())
}
