//! A task that is learned with either kind of gradient: the same data, network, initial weights, order of the samples and optimiser.
//!
//! The learning rate falls to zero along half a cosine.
//!
//! Not here: which gradients (`robustness.rs`), a trainer for people (`spikegrad_train`).

use crate::{Plan, StudyError};
use serde::Serialize;
use spikegrad::dynamics::math;
use spikegrad::{
    AnyLoss, InputSpike, MaxVoltageCrossEntropy, Network, Parameters, Sample, Settings,
    ShapedVoltageCrossEntropy, Stimulus, Trace, value_and_grad_batch, value_batch,
};
use spikegrad_compare::time_stepped::{
    GridSample, Run, SteppedNetwork, SteppedSettings, View, grid_loss_of, shaped_scores,
};
use spikegrad_train::data::Randman;
use spikegrad_train::fit::Classifier;
use spikegrad_train::optimise::Pace;
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
    pub(crate) test: usize,
    pub(crate) epochs: u32,
    pub(crate) batch: usize,
}

/// By which gradient.
#[derive(Clone, Debug)]
pub(crate) enum Method {
    Exact,
    Surrogate(SteppedSettings),
}

/// What the potentials of the outputs are read by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Readout {
    /// Their maxima.
    Maximum,
    /// Their averages under a weight that decays.
    Shaped,
}

/// How fast the weight of [`Readout::Shaped`] decays, in s: half of the time in which inputs spike.
const DECAY: f64 = 0.05;

/// The distance of two such averages that counts as decided, per threshold.
const DECIDED: f64 = 0.05;

/// What came out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fitted {
    pub(crate) accuracy: f64,
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
            test: classes * plan.pick(50, 20),
            epochs: plan.pick(30, 12),
            batch: plan.pick(32, 10),
        }
    }

    /// Learns the task, with manifolds, weights and order of the samples from `seed`; `rate` is the learning rate of Adam.
    pub(crate) fn fit(
        &self,
        seed: u64,
        rate: f64,
        readout: Readout,
        method: &Method,
    ) -> Result<Fitted, StudyError> {
        let config = self.config(seed)?;
        let Splits { train, test, .. } = Randman {
            classes: self.classes,
            units: self.units,
            samples_per_class: (self.train + self.test) / self.classes,
            validation: 0,
            test: self.test,
            dimensions: self.dimensions,
            alpha: self.alpha,
            seed,
            ..Randman::default()
        }
        .generate()?;
        let classifier = Classifier::new(&config, self.units, self.classes)?;
        let (network, mut parameters) = (classifier.network(), classifier.parameters().clone());
        let output = &network.populations()[classifier.output()].name;
        let half = |set: DataSet| Half::new(set, &config, readout, output);
        let (train, test) = (half(train)?, half(test)?);
        let lengths = parameters.connections.iter().map(|c| c.weights.len()).collect::<Vec<_>>();
        let mut row = weights(&parameters);
        let mut optimiser = Optimiser::new(config.optimiser, row.len());
        for epoch in 0..self.epochs {
            let order =
                permutation(train.stimuli.len(), &mut stream(seed, Purpose::Shuffle, epoch));
            for batch in order.chunks(self.batch) {
                let gradient = method.gradient(network, &parameters, &train, batch)?;
                #[expect(clippy::cast_precision_loss, reason = "a small batch")]
                let share = 1.0 / batch.len() as f64;
                let gradient: Vec<f64> = weights(&gradient).iter().map(|g| share * g).collect();
                let progress = f64::from(epoch) / f64::from(self.epochs);
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
        method.test(network, &parameters, &test)
    }

    fn config(&self, seed: u64) -> Result<Config, StudyError> {
        let mut config =
            Config::built_in("randman").ok_or(StudyError::NoConfiguration { name: "randman" })?;
        config.set("seed", &seed.to_string())?;
        config.set("layers.0.size", &self.hidden.to_string())?;
        // The built-in weights are for twenty units; for more, the same drive of a neuron, in mean and deviation.
        #[expect(clippy::cast_precision_loss, reason = "at most some hundred units")]
        let share = 20.0 / self.units as f64;
        config.set("layers.0.weights.mean", &(0.5 * share).to_string())?;
        config.set("layers.0.weights.std", &share.sqrt().to_string())?;
        Ok(config)
    }
}

/// Coded samples with a loss for each, in both engines.
struct Half {
    stimuli: Vec<Stimulus>,
    labels: Vec<usize>,
    readout: Readout,
    /// The cross entropy of each sample.
    losses: Vec<AnyLoss>,
}

impl Half {
    fn new(
        set: DataSet,
        config: &Config,
        readout: Readout,
        population: &str,
    ) -> Result<Self, StudyError> {
        let stimulus = |k: usize| {
            let mut spikes: Vec<InputSpike> = Vec::new();
            config.encoder.encode(set.input(k), None, config.t_end, &mut spikes)?;
            Ok(Stimulus::new(config.t_end, spikes).map_err(spikegrad::Error::from)?)
        };
        let stimuli = (0..set.len()).map(stimulus).collect::<Result<Vec<_>, StudyError>>()?;
        let labels = set.labels;
        let losses = labels.iter().map(|&label| readout.loss(population, label)).collect();
        Ok(Self { stimuli, labels, readout, losses })
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
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Maximum => "Maxima",
            Self::Shaped => "Decaying averages",
        }
    }

    /// The cross entropy.
    fn loss(self, population: &str, label: usize) -> AnyLoss {
        let population = population.to_owned();
        match self {
            Self::Maximum => MaxVoltageCrossEntropy { population, label }.into(),
            Self::Shaped => {
                let (tau, scale) = (DECAY, DECIDED);
                ShapedVoltageCrossEntropy { population, label, tau, scale }.into()
            }
        }
    }

    /// What a run on the grid says of each neuron of `population`, the neurons `range`.
    fn scores(self, run: &Run, population: &str, range: Range<usize>) -> Vec<f64> {
        let highest = |neuron: usize| {
            let potentials = (0..=run.steps()).map(|step| run.membrane(step, neuron));
            potentials.fold(f64::NEG_INFINITY, f64::max)
        };
        match self.loss(population, 0) {
            AnyLoss::ShapedVoltageCrossEntropy(loss) => {
                shaped_scores(&loss, &View::new(run, range))
            }
            _ => range.map(highest).collect(),
        }
    }
}

impl Method {
    /// The sum of the gradients of a batch.
    fn gradient(
        &self,
        network: &Network,
        parameters: &Parameters,
        half: &Half,
        batch: &[usize],
    ) -> Result<Parameters, StudyError> {
        match self {
            Self::Exact => {
                let samples: Vec<_> = batch.iter().map(|&k| half.exact(k)).collect();
                let settings = Settings::default();
                value_and_grad_batch(network, parameters, &samples, &settings, |_, _| ())
                    .map(|batch| batch.gradient)
                    .map_err(|failed| failed.source.into())
            }
            Self::Surrogate(settings) => {
                let samples = batch.iter().map(|&k| half.grid(k));
                let samples = samples.collect::<Result<Vec<_>, _>>()?;
                let stepped = SteppedNetwork::new(network, parameters, settings.clone())?;
                Ok(stepped.value_and_grad_batch(parameters, &samples, |_, _| ())?.gradient)
            }
        }
    }

    /// How often the label is what the read-out says most of, in the engine that was trained in.
    fn test(
        &self,
        network: &Network,
        parameters: &Parameters,
        half: &Half,
    ) -> Result<Fitted, StudyError> {
        let last = network.populations().len() - 1;
        let (output, outputs) = (&network.populations()[last].name, network.range(last));
        let all = 0..half.stimuli.len();
        let answers: Vec<(usize, usize)> = match self {
            Self::Exact => {
                let samples: Vec<_> = all.map(|k| half.exact(k)).collect();
                let answer = |_, trace: &Trace| {
                    let values = trace.readouts.iter().map(|readout| readout.value);
                    (largest(values), trace.spikes.len())
                };
                value_batch(network, parameters, &samples, &Settings::default(), answer)
                    .map_err(|failed| failed.source)?
                    .into_iter()
                    .map(|(_, answer)| answer)
                    .collect()
            }
            Self::Surrogate(settings) => {
                let samples = all.map(|k| half.grid(k)).collect::<Result<Vec<_>, _>>()?;
                let stepped = SteppedNetwork::new(network, parameters, settings.clone())?;
                let answer = |_, run: &Run| {
                    let scores = half.readout.scores(run, output, outputs.clone());
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
        let right = answers.iter().zip(&half.labels).filter(|((class, _), label)| class == *label);
        Ok(Fitted {
            accuracy: share(right.count()),
            hidden_spikes: share(answers.iter().map(|(_, spikes)| spikes).sum()),
        })
    }
}

/// Position of the largest value.
fn largest(values: impl Iterator<Item = f64>) -> usize {
    values.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(k, _)| k)
}

fn weights(parameters: &Parameters) -> Vec<f64> {
    parameters.connections.iter().flat_map(|c| c.weights.iter().copied()).collect()
}
