//! A task that is learned with either kind of gradient: the same data, network, initial weights, order of the samples and optimiser.
//!
//! The learning rate falls to zero along half a cosine.
//!
//! Not here: which gradients (`robustness.rs`), a trainer for people (`spikegrad_train`).

use crate::{Plan, StudyError};
use serde::Serialize;
use spikegrad::dynamics::math;
use spikegrad::{
    AnyLoss, Grazing, InputSpike, Parameters, Sample, Settings, Spike, Stimulus, Trace,
    WithRespectTo, value_and_grad_batch, value_batch,
};
use spikegrad_compare::time_stepped::{
    GridSample, Run, SteppedNetwork, SteppedSettings, View, grid_loss_of, shaped_scores,
};
use spikegrad_train::config::{LossConfig, Normal};
use spikegrad_train::data::Randman;
use spikegrad_train::fit::Classifier;
use spikegrad_train::optimise::{Pace, clip_to_norm};
use spikegrad_train::random::{Purpose, permutation, stream};
use spikegrad_train::{Config, DataSet, Optimiser, Splits};
use std::ops::Range;

/// A random manifold for each class.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Task {
    pub(crate) classes: usize,
    pub(crate) units: usize,
    /// Dimension of the manifolds.
    pub(crate) dimensions: usize,
    /// Smoothness of the manifolds.
    pub(crate) alpha: f64,
    pub(crate) hidden: usize,
    pub(crate) train: usize,
    /// Samples by which learning rates are chosen.
    pub(crate) validation: usize,
    pub(crate) test: usize,
    pub(crate) epochs: u32,
    /// Epochs of quadratic and of recurrent networks, whose exact runs take many times as long.
    pub(crate) fewer_epochs: u32,
    pub(crate) batch: usize,
}

/// A network for the task.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Design {
    pub(crate) readout: Readout,
    /// Whether the hidden layer hears itself, [`RECURRENT_DELAY`] later.
    pub(crate) recurrent: bool,
}

/// What a class is read by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Readout {
    /// The maxima of potentials, of leaky integrators that hear leaky neurons.
    Maximum,
    /// The same with averages under a weight that decays.
    Shaped,
    /// The first spikes of quadratic neurons that hear quadratic ones; of silent ones those that they would have after the run.
    FirstSpike,
}

/// By which gradient.
#[derive(Clone, Debug)]
pub(crate) enum Method {
    Exact,
    Surrogate(SteppedSettings),
}

/// How fast the weight of [`Readout::Shaped`] decays, in s: half of the time in which inputs spike.
const DECAY: f64 = 0.05;

/// The distance of two such averages that counts as decided, per threshold.
const DECIDED: f64 = 0.05;

/// How far apart two first spikes are that count as decided, in s.
const APART: f64 = 0.0025;

/// Initial weights of quadratic neurons, from twenty units and from the hidden layer, per threshold.
const QUADRATIC: [Normal; 2] = [Normal { mean: 0.2, std: 0.5 }, Normal { mean: 0.2, std: 0.5 }];

/// The same of leaky neurons.
const LEAKY: [Normal; 2] = [Normal { mean: 0.5, std: 1.0 }, Normal { mean: 0.2, std: 0.37 }];

/// End of the run of quadratic neurons, in s, soon after the last input; leaky ones run on, as their read-outs do.
const QUADRATIC_END: f64 = 0.12;

/// The norm to which a gradient of the loss of first spikes is cut: a pseudospike may be very late, and its derivative very large.
const LONGEST: f64 = 1.0;

/// Delay of the recurrent connection, in s: a step of the grid.
const RECURRENT_DELAY: f64 = 1e-3;

/// What came out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fitted {
    /// The share of the samples of the validation part that are classified rightly.
    pub(crate) validation: f64,
    /// The same of the test set.
    pub(crate) accuracy: f64,
    /// Mean number of hidden spikes in a test sample.
    pub(crate) hidden_spikes: f64,
}

impl Task {
    /// A task that takes seconds for each method.
    pub(crate) fn randman(plan: &Plan<'_>) -> Self {
        let classes = plan.pick(10, 3);
        Self {
            classes,
            units: plan.pick(20, 50),
            dimensions: 1,
            alpha: plan.pick(1.0, 2.0),
            hidden: plan.pick(128, 30),
            train: classes * plan.pick(200, 100),
            validation: classes * plan.pick(50, 20),
            test: classes * plan.pick(50, 20),
            epochs: plan.pick(30, 12),
            fewer_epochs: plan.pick(10, 4),
            batch: plan.pick(32, 10),
        }
    }

    /// Learns the task, with manifolds, weights and order of the samples from `seed`; `rate` is the learning rate of Adam.
    pub(crate) fn fit(
        &self,
        seed: u64,
        rate: f64,
        design: Design,
        method: &Method,
    ) -> Result<Fitted, StudyError> {
        let config = self.config(seed, design)?;
        let Splits { train, validation, test } = Randman {
            classes: self.classes,
            units: self.units,
            samples_per_class: (self.train + self.validation + self.test) / self.classes,
            validation: self.validation,
            test: self.test,
            dimensions: self.dimensions,
            alpha: self.alpha,
            seed,
            ..Randman::default()
        }
        .generate()?;
        let classifier = Classifier::new(&config, self.units, self.classes)?;
        let mut parameters = classifier.parameters().clone();
        let train = Part::new(train, &classifier)?;
        let lengths = parameters.connections.iter().map(|c| c.weights.len()).collect::<Vec<_>>();
        let mut row = weights(&parameters);
        let mut optimiser = Optimiser::new(config.optimiser, row.len());
        for epoch in 0..config.epochs {
            let order =
                permutation(train.stimuli.len(), &mut stream(seed, Purpose::Shuffle, epoch));
            for batch in order.chunks(self.batch) {
                let gradient = method.gradient(&classifier, &parameters, &train, batch)?;
                #[expect(clippy::cast_precision_loss, reason = "a small batch")]
                let share = 1.0 / batch.len() as f64;
                let mut gradient: Vec<f64> = weights(&gradient).iter().map(|g| share * g).collect();
                clip_to_norm(&mut gradient, config.clip.unwrap_or(f64::INFINITY));
                let progress = f64::from(epoch) / f64::from(config.epochs);
                let factor = 0.5 * (1.0 + math::cos(std::f64::consts::PI * progress));
                let pace = Pace { length: row.len(), rate: rate * factor, decays: true };
                optimiser.step(&[pace], &mut row, &gradient);
                let mut left = &row[..];
                for (connection, &length) in parameters.connections.iter_mut().zip(&lengths) {
                    let (own, rest) = left.split_at(length);
                    connection.weights.copy_from_slice(own);
                    left = rest;
                }
            }
        }
        let score = |set| method.score(&classifier, &parameters, &Part::new(set, &classifier)?);
        let [validation, _] = score(validation)?;
        let [accuracy, hidden_spikes] = score(test)?;
        Ok(Fitted { validation, accuracy, hidden_spikes })
    }

    fn config(&self, seed: u64, design: Design) -> Result<Config, StudyError> {
        let mut config =
            Config::built_in("randman").ok_or(StudyError::NoConfiguration { name: "randman" })?;
        config.seed = seed;
        let is_quadratic = design.readout == Readout::FirstSpike;
        let is_slow = is_quadratic || design.recurrent;
        config.epochs = if is_slow { self.fewer_epochs } else { self.epochs };
        let mut weights = LEAKY;
        if is_quadratic {
            weights = QUADRATIC;
            config = config.with(&[("layers.0.model", "qif"), ("layers.1.model", "qif")])?.0;
            config.clip = Some(LONGEST);
            config.t_end = QUADRATIC_END;
        }
        // For more than twenty units, the same drive of a neuron, in mean and deviation.
        #[expect(clippy::cast_precision_loss, reason = "at most some hundred units and neurons")]
        let [share, spread] = [20.0 / self.units as f64, 1.0 / (self.hidden as f64).sqrt()];
        let [Normal { mean, std }, output] = weights;
        config.layers[1].weights = output;
        let hidden = &mut config.layers[0];
        hidden.size = Some(self.hidden);
        hidden.weights = Normal { mean: mean * share, std: std * share.sqrt() };
        if design.recurrent {
            hidden.recurrent = Some(Normal { mean: 0.0, std: spread });
            hidden.recurrent_delays = Some(Normal { mean: RECURRENT_DELAY, std: 0.0 });
        }
        config.loss = design.readout.loss();
        Ok(config)
    }
}

/// Coded samples with the loss of each, in both engines.
struct Part {
    stimuli: Vec<Stimulus>,
    labels: Vec<usize>,
    losses: Vec<AnyLoss>,
}

impl Part {
    fn new(set: DataSet, classifier: &Classifier) -> Result<Self, StudyError> {
        let config = classifier.config();
        let output = &classifier.network().populations()[classifier.output()].name;
        let stimulus = |k: usize| {
            let mut spikes: Vec<InputSpike> = Vec::new();
            config.encoder.encode(set.input(k), None, config.t_end, &mut spikes)?;
            Ok(Stimulus::new(config.t_end, spikes).map_err(spikegrad::Error::from)?)
        };
        let stimuli = (0..set.len()).map(stimulus).collect::<Result<_, StudyError>>()?;
        let losses = set.labels.iter().map(|&label| config.loss.of_label(output, label));
        Ok(Self { stimuli, losses: losses.collect::<Result<_, _>>()?, labels: set.labels })
    }

    fn exact(&self, k: usize) -> Sample<'_> {
        Sample { stimulus: &self.stimuli[k], loss: &self.losses[k] }
    }

    fn grid(&self, k: usize) -> Result<GridSample<'_>, StudyError> {
        Ok(GridSample { stimulus: &self.stimuli[k], loss: grid_loss_of(&self.losses[k])? })
    }
}

impl Readout {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Maximum => "maximum",
            Self::Shaped => "shaped",
            Self::FirstSpike => "first spike",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Maximum => "Maxima of potentials",
            Self::Shaped => "Decaying averages of potentials",
            Self::FirstSpike => "First spikes of quadratic neurons",
        }
    }

    /// The cross entropy.
    fn loss(self) -> LossConfig {
        match self {
            Self::Maximum => LossConfig::MaxVoltageCrossEntropy {},
            Self::Shaped => LossConfig::ShapedVoltageCrossEntropy { tau: DECAY, scale: DECIDED },
            Self::FirstSpike => LossConfig::TtfsCrossEntropy {
                tau0: APART,
                tau1: 1.0,
                alpha: 0.0,
                pseudospikes: true,
                pseudo_alpha: 10.0,
            },
        }
    }
}

impl Method {
    /// The sum of the gradients of a batch.
    fn gradient(
        &self,
        classifier: &Classifier,
        parameters: &Parameters,
        part: &Part,
        batch: &[usize],
    ) -> Result<Parameters, StudyError> {
        let network = classifier.network();
        match self {
            Self::Exact => {
                let samples: Vec<_> = batch.iter().map(|&k| part.exact(k)).collect();
                let weights_alone = WithRespectTo { time_constants: false, input_times: false };
                let settings = Settings { with_respect_to: weights_alone, ..Settings::default() };
                value_and_grad_batch(network, parameters, &samples, &settings, |_, _| ())
                    .map(|batch| batch.gradient)
                    .map_err(|failed| failed.source.into())
            }
            Self::Surrogate(settings) => {
                let samples = batch.iter().map(|&k| part.grid(k));
                let samples = samples.collect::<Result<Vec<_>, _>>()?;
                let stepped = SteppedNetwork::new(network, parameters, settings.clone())?;
                Ok(stepped.value_and_grad_batch(parameters, &samples, |_, _| ())?.gradient)
            }
        }
    }

    /// The share of the samples of `part` that are classified rightly, and the mean number of hidden spikes, in the engine that was trained in.
    fn score(
        &self,
        classifier: &Classifier,
        parameters: &Parameters,
        part: &Part,
    ) -> Result<[f64; 2], StudyError> {
        let network = classifier.network();
        let outputs = network.range(classifier.output());
        let all = 0..part.stimuli.len();
        let answers: Vec<(Option<usize>, usize)> = match self {
            Self::Exact => {
                let samples: Vec<_> = all.map(|k| part.exact(k)).collect();
                let answer = |_, trace: &Trace| {
                    let is_hidden = |spike: &&Spike| spike.neuron.index() < outputs.start;
                    let class = classifier.verdict(trace, Grazing::Fail).class;
                    (class, trace.spikes.iter().filter(is_hidden).count())
                };
                value_batch(network, parameters, &samples, &Settings::default(), answer)
                    .map_err(|failed| failed.source)?
                    .into_iter()
                    .map(|(_, answer)| answer)
                    .collect()
            }
            Self::Surrogate(settings) => {
                let samples = all.map(|k| part.grid(k)).collect::<Result<Vec<_>, _>>()?;
                let stepped = SteppedNetwork::new(network, parameters, settings.clone())?;
                let answer = |k: usize, run: &Run| {
                    let scores = scores(&part.losses[k], run, outputs.clone());
                    let spikes = (0..=run.steps()).map(|step| run.emitted(step).count()).sum();
                    (largest(scores.into_iter()), spikes)
                };
                stepped
                    .value_batch(&samples, answer)?
                    .into_iter()
                    .map(|(_, answer)| answer)
                    .collect()
            }
        };
        #[expect(clippy::cast_precision_loss, reason = "far fewer samples than 2⁵³")]
        let share = |count: usize| count as f64 / answers.len() as f64;
        let right = answers.iter().zip(&part.labels);
        let right = right.filter(|((class, _), label)| *class == Some(**label));
        Ok([share(right.count()), share(answers.iter().map(|(_, spikes)| spikes).sum())])
    }
}

/// What a run on the grid says of each of the neurons `range`: what `loss` compares, of the potential of each.
fn scores(loss: &AnyLoss, run: &Run, range: Range<usize>) -> Vec<f64> {
    let highest = |neuron: usize| {
        let potentials = (0..=run.steps()).map(|step| run.membrane(step, neuron));
        potentials.fold(f64::NEG_INFINITY, f64::max)
    };
    match loss {
        AnyLoss::ShapedVoltageCrossEntropy(loss) => shaped_scores(loss, &View::new(run, range)),
        _ => range.map(highest).collect(),
    }
}

/// Position of the largest value.
pub(crate) fn largest(values: impl Iterator<Item = f64>) -> Option<usize> {
    values.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(k, _)| k)
}

fn weights(parameters: &Parameters) -> Vec<f64> {
    parameters.connections.iter().flat_map(|c| c.weights.iter().copied()).collect()
}
