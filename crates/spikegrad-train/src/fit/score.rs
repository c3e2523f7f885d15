//! Averages over samples: how good the answers are, and how busy the network was.
//!
//! Sums are taken in the order of the samples, so that they have the same bits on any number of
//! threads.
//!
//! Not here: what one answer means (`classifier.rs`).

use super::classifier::Classifier;
use super::verdict::Verdict;
use crate::data::DataSet;

/// How good the answers to some samples are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Mean loss of a sample.
    pub loss: f64,
    /// Share of the samples classified rightly; an all-silent or tied output counts as wrong.
    pub accuracy: f64,
    /// Share of the samples whose output is all silent or tied.
    pub undecided: f64,
    /// Mean number of spikes of the hidden layers a sample.
    pub hidden_spikes: f64,
    /// Mean number of spikes of all neurons a sample.
    pub spikes: f64,
    /// Share of the hidden neurons without a spike in any of the samples.
    pub silent_hidden: f64,
    /// Mean number of outputs without a spike a sample.
    pub silent_outputs: f64,
    /// The smallest dV/dt at a spike, per second; `None` without a spike.
    pub smallest_slope: Option<f64>,
    /// Spikes and touches at which the policy for grazing acted.
    pub inexact: u64,
}

/// Sums of which a [`Score`] is made.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    samples: u32,
    loss: f64,
    right: u32,
    undecided: u32,
    /// Spikes of each neuron.
    spikes: Vec<u64>,
    /// How many of the neurons are hidden; these are first.
    hidden: usize,
    silent_outputs: u64,
    smallest_slope: Option<f64>,
    inexact: u64,
}

impl Tally {
    /// Adds the answer to sample `k` of `data`.
    pub(super) fn add(
        &mut self,
        (loss, verdict): (f64, &Verdict),
        classifier: &Classifier,
        data: &DataSet,
        k: usize,
    ) {
        self.samples += 1;
        self.loss += loss;
        self.right += u32::from(classifier.is_right(verdict, data, k));
        self.undecided += u32::from(classifier.is_undecided(verdict));
        self.inexact += verdict.inexact as u64;
        self.hidden = classifier.network().range(classifier.output()).start;
        self.spikes.resize(verdict.spikes.len(), 0);
        for (sum, &count) in self.spikes.iter_mut().zip(&verdict.spikes) {
            *sum += u64::from(count);
        }
        self.silent_outputs += verdict.silent.iter().map(|&silent| u64::from(silent)).sum::<u64>();
        let slope = verdict.smallest_slope;
        let smallest = self.smallest_slope.map_or(slope, |smallest| smallest.min(slope));
        self.smallest_slope = Some(smallest).filter(|slope| slope.is_finite());
    }

    /// Spikes of each neuron, in all samples.
    pub(super) fn spikes(&self) -> &[u64] {
        &self.spikes
    }

    pub(super) fn score(&self) -> Score {
        let samples = f64::from(self.samples.max(1));
        #[expect(clippy::cast_precision_loss, reason = "a mean needs no more than 53 bits")]
        let mean = |count: u64| count as f64 / samples;
        let hidden = &self.spikes[..self.hidden.min(self.spikes.len())];
        let silent = hidden.iter().filter(|&&count| count == 0).count();
        #[expect(clippy::cast_precision_loss, reason = "far fewer neurons than 2⁵³")]
        let silent_hidden = silent as f64 / hidden.len().max(1) as f64;
        Score {
            loss: self.loss / samples,
            accuracy: f64::from(self.right) / samples,
            undecided: f64::from(self.undecided) / samples,
            hidden_spikes: mean(hidden.iter().sum()),
            spikes: mean(self.spikes.iter().sum()),
            silent_hidden,
            silent_outputs: mean(self.silent_outputs),
            smallest_slope: self.smallest_slope,
            inexact: self.inexact,
        }
    }
}

impl Score {
    /// Averages the losses and verdicts of `classifier` on these data.
    #[must_use]
    pub fn of(answers: &[(f64, Verdict)], data: &DataSet, classifier: &Classifier) -> Self {
        let mut tally = Tally::default();
        for (k, (loss, verdict)) in answers.iter().enumerate() {
            tally.add((*loss, verdict), classifier, data, k);
        }
        tally.score()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Inputs;

    #[test]
    fn silent_and_tied_outputs_are_wrong() {
        let mut config = crate::Config::default();
        config.set("layers.0.size", "2").unwrap();
        let classifier = Classifier::new(&config, 5, 3).unwrap();
        let verdict = |class, silent: [bool; 3]| Verdict {
            class,
            confidence: 1.0,
            spikes: vec![6, 0, 1, 1, 0],
            silent: silent.to_vec(),
            smallest_slope: 3.0,
            inexact: 2,
        };
        let answers = [
            (1.0, verdict(Some(2), [false; 3])),
            (0.5, verdict(None, [true; 3])),
            (3.0, verdict(Some(0), [false, false, true])),
        ];
        let data = |labels: Vec<usize>| {
            let inputs = Inputs::Points { width: 1, values: vec![0.0; labels.len()] };
            DataSet::new(inputs, labels, vec![String::new(); 3]).unwrap()
        };
        let score = Score::of(&answers, &data(vec![2, 0, 1]), &classifier);
        assert_eq!(score.inexact, 6);
        let close = |a: f64, b: f64| (a - b).abs() < 1e-15;
        assert!(close(score.loss, 1.5) && close(score.accuracy, 1.0 / 3.0), "{score:?}");
        assert!(close(score.undecided, 1.0 / 3.0) && close(score.silent_outputs, 4.0 / 3.0));
        assert!(close(score.spikes, 8.0) && close(score.hidden_spikes, 6.0));
        assert!(close(score.silent_hidden, 0.5));
        assert_eq!(score.smallest_slope, Some(3.0));
        assert_eq!(
            Score::of(&[], &data(vec![]), &classifier).smallest_slope,
            None,
            "nothing is not a number"
        );
    }
}
