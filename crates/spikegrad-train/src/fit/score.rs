//! Averages over samples: how good the answers are, and how busy the network was.
//!
//! Sums are taken in the order of the samples, so that they have the same bits on any number of
//! threads.
//!
//! Not here: what one answer means (`classifier.rs`).

use super::classifier::Verdict;

/// How good the answers to some samples are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Mean loss of a sample.
    pub loss: f64,
    /// Share of the samples classified rightly; an all-silent or tied output counts as wrong.
    pub accuracy: f64,
    /// Share of the samples whose output is all silent or tied.
    pub undecided: f64,
    /// Mean number of spikes of the hidden layer a sample.
    pub hidden_spikes: f64,
    /// Mean number of spikes of all neurons a sample.
    pub spikes: f64,
    /// Mean number of outputs without a spike a sample.
    pub silent_outputs: f64,
    /// The smallest dV/dt at a spike, per second; `None` without a spike.
    pub smallest_slope: Option<f64>,
}

/// Sums of which a [`Score`] is made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tally {
    samples: u32,
    loss: f64,
    right: u32,
    undecided: u32,
    hidden_spikes: u64,
    output_spikes: u64,
    silent_outputs: u64,
    smallest_slope: f64,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            samples: 0,
            loss: 0.0,
            right: 0,
            undecided: 0,
            hidden_spikes: 0,
            output_spikes: 0,
            silent_outputs: 0,
            smallest_slope: f64::INFINITY,
        }
    }

    pub(super) fn add(&mut self, loss: f64, verdict: &Verdict, label: usize) {
        self.samples += 1;
        self.loss += loss;
        self.right += u32::from(verdict.class == Some(label));
        self.undecided += u32::from(verdict.class.is_none());
        self.hidden_spikes += u64::from(verdict.hidden_spikes);
        self.output_spikes += u64::from(verdict.output_spikes);
        self.silent_outputs += verdict.silent.into_iter().map(u64::from).sum::<u64>();
        self.smallest_slope = self.smallest_slope.min(verdict.smallest_slope);
    }

    pub(super) fn score(&self) -> Score {
        let samples = f64::from(self.samples.max(1));
        #[expect(clippy::cast_precision_loss, reason = "a mean needs no more than 53 bits")]
        let mean = |count: u64| count as f64 / samples;
        Score {
            loss: self.loss / samples,
            accuracy: f64::from(self.right) / samples,
            undecided: f64::from(self.undecided) / samples,
            hidden_spikes: mean(self.hidden_spikes),
            spikes: mean(self.hidden_spikes + self.output_spikes),
            silent_outputs: mean(self.silent_outputs),
            smallest_slope: self.smallest_slope.is_finite().then_some(self.smallest_slope),
        }
    }
}

impl Score {
    /// Averages the losses and verdicts of samples with these labels.
    #[must_use]
    pub fn of(answers: &[(f64, Verdict)], labels: &[usize]) -> Self {
        let mut tally = Tally::new();
        for ((loss, verdict), &label) in answers.iter().zip(labels) {
            tally.add(*loss, verdict, label);
        }
        tally.score()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silent_and_tied_outputs_are_wrong() {
        let verdict = |class, silent| Verdict {
            class,
            confidence: 1.0,
            hidden_spikes: 6,
            output_spikes: 2,
            silent,
            smallest_slope: 3.0,
        };
        let answers = [
            (1.0, verdict(Some(2), [false; 3])),
            (0.5, verdict(None, [true; 3])),
            (3.0, verdict(Some(0), [false, false, true])),
        ];
        let score = Score::of(&answers, &[2, 0, 1]);
        let close = |a: f64, b: f64| (a - b).abs() < 1e-15;
        assert!(close(score.loss, 1.5) && close(score.accuracy, 1.0 / 3.0), "{score:?}");
        assert!(close(score.undecided, 1.0 / 3.0) && close(score.silent_outputs, 4.0 / 3.0));
        assert!(close(score.spikes, 8.0) && close(score.hidden_spikes, 6.0));
        assert_eq!(score.smallest_slope, Some(3.0));
        assert_eq!(Score::of(&[], &[]).smallest_slope, None, "nothing is not a number");
    }
}
