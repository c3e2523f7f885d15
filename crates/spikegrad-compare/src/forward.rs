//! Forward propagation as an engine: one run on dual numbers for each entry of the gradient.
//!
//! Each run is `spikegrad::value_and_jvp` along one number (Lee, Haghighatshoar and Karbasi, AISTATS 2023, arXiv:2210.15415): the
//! simulator itself carries the derivative, and a crossing time gets its own by the implicit function theorem. The work grows
//! with the number of entries, which is why gradients go backwards; but nothing here knows of an adjoint.
//!
//! Not here: the run (`crates/spikegrad/src/forward.rs`); sensitivities without dual numbers (`saltation.rs`).

use crate::exact::{Executor, Sample, Settings, value_and_jvp};
use crate::number::set;
use crate::{Answer, CompareError, Engine, Evidence, Question};
use spikegrad_network::Gradient;

/// Forward propagation, number by number.
#[derive(Clone, Copy, Debug, Default)]
pub struct ForwardPropagation;

impl Engine for ForwardPropagation {
    fn name(&self) -> &'static str {
        "forward propagation"
    }

    fn answer(&self, question: &Question<'_>) -> Result<Answer, CompareError> {
        let Question { network, parameters, stimulus, loss, settings } = *question;
        // The sweep along a direction has the rules of the adjoint.
        let settings = Settings { engine: Executor::EventLoop, ..settings };
        let sample = Sample { stimulus, loss };
        let mut direction = Gradient::zeros(parameters, stimulus);
        let along =
            |direction: &Gradient| value_and_jvp(network, parameters, sample, direction, &settings);
        let value = along(&direction)?.loss;
        let count = parameters.to_vec().len();
        let mut entries = Vec::with_capacity(count + direction.input_times.len());
        for k in 0..count {
            set(&mut direction.parameters, k, 1.0);
            entries.push(Some(along(&direction)?.derivative));
            set(&mut direction.parameters, k, 0.0);
        }
        for k in 0..direction.input_times.len() {
            direction.input_times[k] = 1.0;
            entries.push(Some(along(&direction)?.derivative));
            direction.input_times[k] = 0.0;
        }
        for k in 0..direction.currents.len() {
            let steps = direction.currents[k].clone();
            for index in 0..steps.numbers().count() {
                let mut position = 0;
                direction.currents[k] = steps.map(|_| {
                    position += 1;
                    f64::from(position == index + 1)
                });
                entries.push(Some(along(&direction)?.derivative));
            }
            direction.currents[k] = steps;
        }
        let gradient = question.gradient(entries);
        Ok(Answer { loss: value, gradient, evidence: Evidence::default() })
    }
}
