//! A check of a gradient for the tests of a user: the exact one against difference quotients, in the manner of
//! `torch.autograd.gradcheck`.
//!
//! What it finds is most often a mistake in a loss of one's own: quotients read its value alone, the exact gradient goes through its
//! cotangents. The report names the worst entry in the words of the problem file, and counts what was refused by reason.
//!
//! Not here: the quotients (`finite_differences.rs`), the exact gradient (`exact.rs`).

use crate::exact::Exact;
use crate::{
    Agreement, Answer, CompareError, Difference, Differences, Engine, Evidence, FiniteDifferences,
    Question, Refusal, Signature,
};
use std::fmt;

/// What a check of a gradient found.
#[derive(Clone, Debug, PartialEq)]
pub struct GradientCheck {
    /// Whose gradient it was.
    pub engine: &'static str,
    /// Largest difference that is allowed, relative to the largest entry in units of the scales.
    pub tolerance: f64,
    /// Value of the loss.
    pub loss: f64,
    /// The gradient, first, and the quotients, second.
    pub agreement: Agreement,
    /// The order of events, which every quotient that counts has at both ends.
    pub signature: Signature,
    /// Why entries could not be compared.
    pub refusals: Vec<Refusal>,
    /// The numbers behind these refusals: place and reason.
    pub refused: Vec<(String, &'static str)>,
}

/// Checks the exact gradient of a question against difference quotients.
///
/// `tolerance` is relative to the largest entry of the gradient, where each is measured in units of the scale of its number
/// ([`crate::Number`]); quotients that may be off by more than a tenth of it are refused, and so are those across a change of the
/// order of events. A check in which nothing could be compared is no error: look at the report.
///
/// # Errors
/// [`CompareError::Disagrees`] with the report if an entry differs by more than `tolerance`; else why there is no gradient.
///
/// # Examples
/// ```
/// use spikegrad::problem::Problem;
/// use spikegrad::{Settings};
/// use spikegrad_compare::{Question, check_gradient};
/// let problem = Problem::from_json(br#"{
///   "format": "spikegrad-problem", "version": 1,
///   "network": {
///     "inputs": 2,
///     "populations": [{"name": "out", "size": 1, "model": "lif"}],
///     "connections": [{"from": "input", "to": "out", "weights": [[5, 4]], "delay": 0.001}]
///   },
///   "stimulus": {"t_end": 0.02, "spikes": [[0, 0.001], [1, 0.004]]},
///   "loss": {"type": "spike_time_mse", "population": "out", "targets": [[0.0047]]}
/// }"#)?;
/// let Problem { network, parameters, stimulus, .. } = &problem;
/// let loss = problem.document.loss.as_ref().unwrap();
/// let question =
///     Question { network, parameters, stimulus, loss, settings: Settings::default() };
/// let report = check_gradient(&question, 1e-7)?;
/// // Everything but the refractory time of 0, which has no neighbour below.
/// assert_eq!((report.agreement.compared(), report.agreement.missing), (13, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn check_gradient(
    question: &Question<'_>,
    tolerance: f64,
) -> Result<GradientCheck, CompareError> {
    check_engine(&Exact, question, tolerance)
}

/// Like [`check_gradient`], for the gradient of any engine.
///
/// # Errors
/// As [`check_gradient`].
pub fn check_engine(
    engine: &dyn Engine,
    question: &Question<'_>,
    tolerance: f64,
) -> Result<GradientCheck, CompareError> {
    let answer = engine.answer(question)?;
    let by_differences = FiniteDifferences { tolerance: tolerance / 10.0 };
    let differences = by_differences.differences(question)?;
    let refusals = differences.refusals();
    let Differences { loss, signature, entries } = differences;
    let reasons = question.numbers().into_iter().zip(&entries);
    let refused = reasons.filter_map(|(n, e)| e.refusal().map(|why| (n.place, why))).collect();
    let gradient = question.gradient(entries.into_iter().map(Difference::quotient));
    let quotients = Answer { loss, gradient, evidence: Evidence::default() };
    let agreement = Agreement::between(question, &answer, &quotients);
    let engine = engine.name();
    let check = GradientCheck { engine, tolerance, loss, agreement, signature, refusals, refused };
    if check.agreement.error() <= tolerance {
        Ok(check)
    } else {
        Err(CompareError::Disagrees(Box::new(check)))
    }
}

impl fmt::Display for GradientCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { engine, tolerance, agreement, signature, refusals, .. } = self;
        let verdict = if agreement.error() <= *tolerance { "agrees" } else { "disagrees" };
        let (compared, Agreement { missing, worst, .. }) = (agreement.compared(), agreement);
        write!(f, "{engine} {verdict} with differences to {tolerance:.0e}: ")?;
        write!(f, "{compared} entries compared, {missing} not")?;
        if let Some(worst) = worst {
            write!(f, "\n  worst: {worst}")?;
        }
        write!(f, "\n  events: {signature}")?;
        for Refusal { reason, count } in refusals {
            write!(f, "\n  refused: {count} because {reason}")?;
            let places = self.refused.iter().filter(|(_, why)| why == reason);
            let shown: Vec<&str> = places.take(SHOWN).map(|(place, _)| place.as_str()).collect();
            let more = if *count > shown.len() { ", …" } else { "" };
            write!(f, " ({}{more})", shown.join(", "))?;
        }
        Ok(())
    }
}

/// Places that a report names for each reason.
const SHOWN: usize = 3;
