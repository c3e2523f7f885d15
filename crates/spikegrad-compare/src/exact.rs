//! The exact gradient as an engine, and the only file of this crate that names the adjoint.
//!
//! What other files need of losses, of what they read, and of settings they have from here, so that none of them can reach for a formula of the
//! adjoint: a yardstick shares none with what it measures. Not here: any way to a gradient of its own.

use crate::{Answer, CompareError, Engine, Evidence, Question};

pub(crate) use spikegrad::adjoint::judge_touches;
pub use spikegrad::{Certificate, Error as EvaluationError, Grazing, Loss, Settings};
pub(crate) use spikegrad::{Cotangents, Engine as Executor, Sample, value_and_jvp};

/// The adjoint: `spikegrad::value_and_grad`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Exact;

impl Engine for Exact {
    fn name(&self) -> &'static str {
        "adjoint"
    }

    fn answer(&self, question: &Question<'_>) -> Result<Answer, CompareError> {
        let Question { network, parameters, stimulus, loss, settings } = question;
        let evaluation = spikegrad::value_and_grad(network, parameters, stimulus, *loss, settings)?;
        let entries = evaluation.gradient.to_vec().into_iter();
        Ok(Answer {
            loss: evaluation.loss,
            gradient: question.gradient(entries.map(Some)),
            evidence: Evidence { certificate: Some(evaluation.certificate), refusals: Vec::new() },
        })
    }
}
