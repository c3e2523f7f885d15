//! One pass over the training data: a step of the optimiser for each batch.
//!
//! An [`Epoch`] works on a copy of the parameters and of the optimiser's memory, and the run takes them
//! over only when the pass has come to its end. In the copy dense connections have their weights by source, as
//! the engine has them, so that no batch brings them into another order.
//!
//! Not here: the order of the samples (`mod.rs`), the gradient (`spikegrad`).

use spikegrad::{Evaluator, NetworkError, Parameters, Trace};

use super::blame::Blame;
use super::classifier::Classifier;
use super::samples::{Coded, Samples};
use super::score::{Score, Tally};
use super::trained::OutOfNetwork;
use super::verdict::Verdict;
use super::{EpochRecord, Run, Warning, warning};
use crate::TrainError;
use crate::optimise::{Average, Optimiser, clip_to_norm};
use crate::regularise::{Regularisers, add_pushes};

/// A pass under way.
#[derive(Debug)]
pub(super) struct Epoch<'a> {
    run: &'a Run,
    /// Counted from 1.
    number: u32,
    classifier: Classifier,
    optimiser: Optimiser,
    average: Option<Average>,
    /// The engine, with the parameters of `classifier`.
    evaluator: Evaluator,
    /// The gradient of the batch under way.
    derivatives: Parameters,
    /// The same in a row, and the trained parameters in a row.
    gradient: Vec<f64>,
    row: Vec<f64>,
    tally: Tally,
    batches: u32,
    /// Sum over the batches of the norm of the gradient.
    norms: f64,
    largest_norm: f64,
    clipped: u32,
    /// Sum over the batches of the norm of what was added to the gradient and is none.
    pushes: f64,
    /// For each neuron, the number of batches since one in which it spiked.
    silent_for: Vec<u32>,
}

impl<'a> Epoch<'a> {
    pub(super) fn new(run: &'a Run) -> Result<Self, TrainError> {
        let classifier = run.classifier.reordered(run.classifier.network().by_source());
        let (network, parameters) = (classifier.network(), classifier.parameters());
        let (optimiser, average) = reordered(&run.optimiser, run.average.as_ref(), |row| {
            classifier.trained.reordered(row, run.classifier.network(), network)
        });
        Ok(Self {
            evaluator: Evaluator::new(network, parameters, run.settings)?,
            derivatives: parameters.zeros_like(),
            gradient: Vec::new(),
            row: classifier.row(),
            run,
            number: run.completed + 1,
            optimiser,
            average,
            tally: Tally::default(),
            batches: 0,
            norms: 0.0,
            largest_norm: 0.0,
            clipped: 0,
            pushes: 0.0,
            silent_for: vec![0; network.neurons()],
            classifier,
        })
    }

    /// What the run is to go on with, and the number of the epoch.
    pub(super) fn into_parts(self) -> (u32, Classifier, Optimiser, Option<Average>) {
        let network = self.run.classifier.network();
        let (optimiser, average) = reordered(&self.optimiser, self.average.as_ref(), |row| {
            self.classifier.trained.reordered(row, self.classifier.network(), network)
        });
        (self.number, self.classifier.reordered(network.clone()), optimiser, average)
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// Moves the parameters one step along the mean gradient of the training samples `batch`, which is
    /// the batch `number` of the epoch, counted from 1.
    pub(super) fn batch(&mut self, number: usize, batch: &[usize]) -> Result<(), TrainError> {
        let evaluated = match self.evaluated_together(batch) {
            Some(evaluated) => evaluated,
            None => self.evaluated_alone(number, batch)?,
        };
        let classifier = &self.classifier;
        let config = classifier.config();
        let data = &self.run.data.train;
        let derivatives = &self.derivatives;

        #[expect(clippy::cast_precision_loss, reason = "a batch has at most a million samples")]
        let share = 1.0 / batch.len() as f64;
        let trained = &classifier.trained;
        let mut gradient = std::mem::take(&mut self.gradient);
        trained.gradient(derivatives, classifier.parameters(), share, &mut gradient);
        let limit = config.clip.unwrap_or(f64::INFINITY);
        let norm = clip_to_norm(&mut gradient, limit);
        if !norm.is_finite() {
            return Err(self.blame(number, batch, &self.coded(batch)?).gradient("gradient"));
        }
        // Optimisers square what they are given.
        if norm.min(limit).powi(2).is_infinite() {
            let what = "square of the gradient";
            return Err(self.blame(number, batch, &self.coded(batch)?).gradient(what));
        }
        self.clipped += u32::from(norm > limit);
        self.batches += 1;
        self.norms += norm;
        self.largest_norm = self.largest_norm.max(norm);
        for ((loss, verdict), &k) in evaluated.iter().zip(batch) {
            self.tally.add((*loss, verdict), classifier, data, k);
        }
        let verdicts: Vec<&Verdict> = evaluated.iter().map(|(_, verdict)| verdict).collect();
        for (n, batches) in self.silent_for.iter_mut().enumerate() {
            let silent = verdicts.iter().all(|verdict| verdict.spikes[n] == 0);
            *batches = if silent { *batches + 1 } else { 0 };
        }
        // Targets want more than one output to spike.
        let labelled = if config.loss.reads_targets() { &[] } else { &data.labels[..] };
        let labels = batch.iter().filter_map(|&k| labelled.get(k).copied());
        self.pushes += self.push(&verdicts, labels, share, &mut gradient);
        self.step(number, &gradient)?;
        self.gradient = gradient;
        Ok(())
    }

    /// The losses and verdicts of a batch; its gradient becomes `derivatives`.
    fn evaluated_alone(
        &mut self,
        number: usize,
        batch: &[usize],
    ) -> Result<Vec<(f64, Verdict)>, TrainError> {
        let coded = self.coded(batch)?;
        let (classifier, grazing) = (&self.classifier, self.run.settings.grazing);
        let verdict = |_, trace: &Trace| classifier.verdict(trace, grazing);
        let (evaluator, derivatives) = (&mut self.evaluator, &mut self.derivatives);
        evaluator
            .value_and_grad_batch(&coded.samples(), derivatives, verdict)
            .map_err(|error| self.blame(number, batch, &coded).sample(error))
    }

    /// The same of a batch that several processes share; nothing if there is one, or if a sample fails.
    fn evaluated_together(&mut self, batch: &[usize]) -> Option<Vec<(f64, Verdict)>> {
        let team = self.run.team.as_ref()?;
        let coded = self.coded(&batch[team.share(batch.len())]).ok();
        let (classifier, grazing) = (&self.classifier, self.run.settings.grazing);
        let verdict = |_, trace: &Trace| classifier.verdict(trace, grazing);
        let own = coded.and_then(|coded| self.evaluator.chunk_sums(&coded.samples(), verdict).ok());
        if !team.all(own.is_some()) {
            return None;
        }
        let (evaluated, rows) = own?;
        let sum = team.sum(&rows);
        let not_finite = self.evaluator.gradient_of_sum(&sum, &mut self.derivatives);
        let evaluated = team.gathered(evaluated).into_iter().flatten().collect();
        not_finite.is_none().then_some(evaluated)
    }

    /// The training samples `batch`, as this epoch varies them.
    fn coded(&self, batch: &[usize]) -> Result<Coded, TrainError> {
        let (data, config) = (&self.run.data.train, self.classifier.config());
        Samples { data, config, epoch: Some(self.number) }.coded(batch, &self.classifier)
    }

    fn blame<'b>(&'b self, number: usize, batch: &'b [usize], coded: &'b Coded) -> Blame<'b> {
        Blame {
            classifier: &self.classifier,
            settings: &self.run.settings,
            number: (self.number, number),
            batch,
            coded,
        }
    }

    /// Moves the parameters, and gives them to the engine.
    fn step(&mut self, number: usize, gradient: &[f64]) -> Result<(), TrainError> {
        let config = self.classifier.config();
        #[expect(clippy::cast_precision_loss, reason = "far fewer batches than 2⁵³")]
        let within = (number as f64 - 0.5) / self.run.batches() as f64;
        let epoch = f64::from(self.run.completed) + within;
        let factor = config.schedule.factor(epoch, config.epochs);
        let row = &mut self.row;
        self.optimiser.step(&self.classifier.trained.paces(factor), row, gradient);
        self.classifier.set_row(row);
        if let Some(average) = &mut self.average {
            average.update(row);
        }
        let taken = self.evaluator.set_parameters(self.classifier.parameters());
        taken.map_err(|reason| self.too_far(number, reason))
    }

    /// What to say of a step after which the engine does not take the parameters.
    fn too_far(&self, batch: usize, reason: NetworkError) -> TrainError {
        let (network, parameters) = (self.classifier.network(), self.classifier.parameters());
        let Some(out) = self.classifier.trained.out_of_range(network, parameters) else {
            return reason.into();
        };
        let OutOfNetwork { of, neuron, value, rule } = out;
        TrainError::Step { epoch: self.number, batch, neuron, of, value, rule }
    }

    /// Adds what is no gradient, and returns its norm: see `Regularisers`.
    fn push(
        &self,
        verdicts: &[&Verdict],
        labels: impl Iterator<Item = usize> + Clone,
        share: f64,
        gradient: &mut [f64],
    ) -> f64 {
        let Regularisers { rate, wake_silent, silent_label_push } =
            &self.classifier.config().regularisers;
        let (network, trained) = (self.classifier.network(), &self.classifier.trained);
        let mut squares = 0.0;
        for (k, population) in network.populations().iter().enumerate() {
            let mut pushes = vec![0.0; population.size];
            if k == self.classifier.output() {
                for (verdict, label) in verdicts.iter().zip(labels.clone()) {
                    pushes[label] -=
                        if verdict.silent[label] { share * silent_label_push } else { 0.0 };
                }
            } else {
                let rate = rate.as_ref().filter(|rate| rate.population == population.name);
                for (push, n) in pushes.iter_mut().zip(network.range(k)) {
                    let spikes = verdicts.iter().map(|verdict| f64::from(verdict.spikes[n]));
                    let count = spikes.sum::<f64>() * share;
                    *push += rate.map_or(0.0, |rate| rate.push(count));
                    *push += wake_silent.map_or(0.0, |wake| wake.push(self.silent_for[n]));
                }
            }
            let norm = add_pushes(&pushes, &trained.weights_onto(network, k), gradient);
            squares += norm * norm;
        }
        squares.sqrt()
    }

    /// What is to be said of the pass when it has come to its end, but for the time it took.
    pub(super) fn record(&self) -> Result<EpochRecord, TrainError> {
        let evaluated = super::evaluated(&self.classifier, self.average.as_ref());
        let score = |data| -> Result<Score, TrainError> {
            let samples = Samples { data, config: evaluated.config(), epoch: None };
            let answers = self.run.answers(&evaluated, samples)?;
            Ok(Score::of(&answers, data, &evaluated))
        };
        let train = self.tally.score();
        let validation = &self.run.data.validation;
        let validation = (!validation.is_empty()).then(|| score(validation)).transpose()?;
        let test = score(&self.run.data.test)?;
        let mut warnings = match self.run.completed {
            0 => self.run.warnings.clone(),
            _ => Vec::new(),
        };
        warnings.extend(warning::of_epoch(&self.classifier, self.tally.spikes(), train.inexact));
        let config = self.classifier.config();
        let batches = f64::from(self.batches.max(1));
        Ok(EpochRecord {
            epoch: self.number,
            train_loss: train.loss,
            train_accuracy: train.accuracy,
            validation_loss: validation.map(|score| score.loss),
            validation_accuracy: validation.map(|score| score.accuracy),
            test_loss: test.loss,
            test_accuracy: test.accuracy,
            rate_factor: config.schedule.factor(f64::from(self.run.completed), config.epochs),
            hidden_spikes_per_sample: train.hidden_spikes,
            spikes_per_sample: test.spikes,
            silent_hidden: train.silent_hidden,
            silent_outputs_per_sample: train.silent_outputs,
            undecided: train.undecided,
            smallest_slope: train.smallest_slope,
            gradient_norm: self.norms / batches,
            largest_gradient_norm: self.largest_norm,
            clipped: f64::from(self.clipped) / batches,
            push_norm: self.pushes / batches,
            inexact: train.inexact,
            warnings: warnings.iter().map(Warning::to_string).collect(),
            seconds: 0.0,
        })
    }
}

/// An optimiser and an average with their rows in another order.
fn reordered(
    optimiser: &Optimiser,
    average: Option<&Average>,
    row: impl Fn(&[f64]) -> Vec<f64>,
) -> (Optimiser, Option<Average>) {
    let memory = optimiser.memory().iter().map(|of_each| row(of_each)).collect();
    let optimiser = Optimiser::resume(*optimiser.config(), memory, optimiser.steps());
    let average = average.map(|average| Average::new(average.decay(), &row(average.values())));
    (optimiser.expect("rows as long as they were"), average)
}
