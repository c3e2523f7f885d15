//! A sample of a run as a problem: the network as it was trained, the input of the sample, and its loss.
//!
//! What a problem file can be asked, a sample can be asked as well. Not here: files, and the losses of a batch
//! (`classifier.rs`).

use spikegrad::problem::Problem;

use super::Run;
use super::samples::Samples;
use crate::TrainError;
use crate::data::{DataSet, Split};

impl Run {
    /// The samples of a part of the data.
    #[must_use]
    pub fn split(&self, split: Split) -> &DataSet {
        self.data.get(split)
    }

    /// The problem of one sample, counted from 0: what [`evaluated`](Self::evaluated) says of it.
    ///
    /// Training samples are as they were read, and not varied. The loss is that of the configuration; where the neuron of the label is
    /// silent, a gradient of first spike times is that of the loss as it is written, which training leaves out.
    ///
    /// # Errors
    ///
    /// [`TrainError::NoSample`] if there is no such sample, [`TrainError::Untargeted`] if it has not what the loss needs, and [`TrainError::SampleProblem`] if it is not one that an engine takes.
    pub fn problem(&self, split: Split, position: usize) -> Result<Problem, TrainError> {
        let data = self.split(split);
        if position >= data.len() {
            return Err(TrainError::NoSample { split: split.name(), position, count: data.len() });
        }
        let classifier = self.evaluated();
        let config = classifier.config();
        let stimulus = Samples { data, config, epoch: None }.stimulus(position)?;
        let network = classifier.network();
        let loss = classifier.whole_loss_of(data, position);
        let loss = Some(loss.ok_or_else(|| config.loss.untargeted())?);
        Problem::from_parts(network, classifier.parameters(), &stimulus, loss)
            .map_err(|reason| TrainError::SampleProblem { reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;
    use spikegrad::{Settings, value_and_grad};

    fn run(settings: &[(&str, &str)]) -> Run {
        let mut config = Config::default();
        for (key, value) in settings {
            config.set(key, value).unwrap();
        }
        Run::new(&config, Settings::default()).unwrap()
    }

    #[test]
    fn the_problem_of_a_sample_has_the_loss_that_the_run_has() {
        let shaped = r#"{"name": "shaped-voltage-cross-entropy", "tau": 0.02, "scale": 0.1}"#;
        let integrators = |loss| [("layers.0.size", "8"), ("layers.1.model", "li"), ("loss", loss)];
        for run in [
            run(&[("layers.0.size", "8"), ("average", "0.9")]),
            run(&[
                ("layers.0.size", "8"),
                ("loss", r#"{"name": "relative-spike-time", "margin": 0.002}"#),
            ]),
            run(&integrators(r#"{"name": "max-voltage-cross-entropy"}"#)),
            run(&integrators(r#"{"name": "mean-voltage-cross-entropy"}"#)),
            run(&integrators(shaped)),
        ] {
            let answers = run.answer_test().unwrap();
            for position in [0, 17, 999] {
                let Problem { network, parameters, stimulus, document } =
                    run.problem(Split::Test, position).unwrap();
                let loss = document.loss.as_ref().unwrap();
                let settings = Settings::default();
                let found =
                    value_and_grad(&network, &parameters, &stimulus, loss, &settings).unwrap();
                assert_eq!(found.loss.to_bits(), answers[position].0.to_bits(), "{document:?}");
            }
        }
    }

    #[test]
    fn a_sample_of_each_part_is_had_and_none_beyond() {
        let run = run(&[("layers.0.size", "3")]);
        for (split, count) in [(Split::Train, 5000), (Split::Validation, 1000), (Split::Test, 1000)]
        {
            assert_eq!(run.split(split).len(), count);
            run.problem(split, count - 1).unwrap();
            for position in [count, usize::MAX] {
                let error = run.problem(split, position).unwrap_err().to_string();
                assert!(
                    error.contains(&format!("the {} set has {count} samples", split.name())),
                    "{error}"
                );
            }
        }
    }
}
