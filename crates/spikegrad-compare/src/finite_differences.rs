//! Central differences, extrapolated, number by number, and refused where they mean nothing.
//!
//! **The step** belongs to the number's natural scale s (`number.rs`), not to its size: an input at 1 ns moves a potential over a
//! time constant like any other, and a weight of 0 is as far from mattering as one of 5. With h = s · 2⁻⁹ and its halves, the
//! central quotient is `D(h) = L′ + h² L‴/6 + h⁴ L⁽⁵⁾/120 + …`, so that of three steps
//!
//! ```text
//! R(h) = (4 D(h/2) − D(h))/3             error  −h⁴ L⁽⁵⁾/480
//! Q(h) = (16 R(h/2) − R(h))/15           error   h⁶ L⁽⁷⁾/322560
//! ```
//!
//! remain (L. F. Richardson 1911; as a tableau with an error estimate, C. J. F. Ridders 1982). If L⁽ⁿ⁺¹⁾ sⁿ ≤ n! L′, which says that L
//! is smooth over its scale, R is off by (h/s)⁴/20 = 7e-13 and Q by 1e-19 of L′. A loss computed to a rounding ε brings 3 ε |L|/h to
//! R and 6.6 ε |L|/h to Q, which is 4e-13 |L|/s. Both are far below 1e-8, and leave room where a crossing is steep in the number:
//! at a distance of d from grazing L changes over d and no longer over s, and the first steps are too long. Therefore the
//! step is halved, up to six times, until the estimated error (the larger of what the last extrapolation changed, and
//! the rounding) is a tenth of the tolerance; what ends above the tolerance is refused. A quotient that is given is
//! good to [`TOLERANCE`] by construction.
//!
//! **Refusals.** A quotient counts only if the [`Signature`], the order of events at every neuron, is at both ends that of the
//! middle: else the points lie on different branches of the loss. Shorter steps are tried first. What is refused is counted by
//! reason, and never replaced by a number.
//!
//! Not here: any knowledge of how a neuron moves.

use crate::number::set;
use crate::{Answer, CompareError, Engine, Evidence, Question, Refusal, Signature};
use spikegrad_network::{InjectedCurrent, InputSpike, Parameters, Stimulus};

/// Largest estimated error of a quotient that counts, relative to the largest entry of the gradient, where entries are measured in
/// units of their scales.
pub const TOLERANCE: f64 = 1e-8;

/// The first step, relative to the scale of a number: short beside anything that a neuron does, long beside a rounding.
const FIRST_STEP: f64 = 1.0 / 512.0;

/// Steps that are tried, each half as long as the one before.
const STEPS: u32 = 7;

/// Extrapolations: a third would gain nothing over the rounding.
const EXTRAPOLATIONS: usize = 2;

/// An error this far below the tolerance ends the search for a better step.
const ENOUGH: f64 = 0.1;

/// Rounding of an extrapolated quotient, in units of ε |L| divided by the shortest of its steps: 3/2 for R and 6.6/4 for Q, rounded
/// up.
const ROUNDING: f64 = 2.0;

/// The derivative with respect to one number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Difference {
    /// The quotient.
    Quotient {
        /// What it is.
        value: f64,
        /// Estimate of its error, in its own unit.
        error: f64,
    },
    /// The order of events differs between the points, however near: there is no quotient to take.
    SignatureChanged,
    /// A point cannot be run: it lies outside of its range (a negative time, a threshold below the reset).
    OutOfRange,
    /// The best quotient may be off by more than the tolerance.
    Unresolved {
        /// What it is.
        value: f64,
        /// Estimate of its error, in its own unit.
        error: f64,
    },
}

impl Difference {
    /// The quotient, if there is one that counts.
    #[must_use]
    pub fn quotient(self) -> Option<f64> {
        match self {
            Self::Quotient { value, .. } => Some(value),
            Self::SignatureChanged | Self::OutOfRange | Self::Unresolved { .. } => None,
        }
    }

    /// Why there is none, in words.
    #[must_use]
    pub fn refusal(self) -> Option<&'static str> {
        match self {
            Self::Quotient { .. } => None,
            Self::SignatureChanged => Some("the order of events changes"),
            Self::OutOfRange => Some("a neighbour cannot be run"),
            Self::Unresolved { .. } => Some("the quotient is not accurate enough"),
        }
    }
}

/// The derivative with respect to every number of a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Differences {
    /// Value of the loss.
    pub loss: f64,
    /// The order of events.
    pub signature: Signature,
    /// In the order of [`Question::numbers`].
    pub entries: Vec<Difference>,
}

impl Differences {
    /// The quotients as the answer of an engine.
    #[must_use]
    pub fn answer(&self, question: &Question<'_>) -> Answer {
        Answer {
            loss: self.loss,
            gradient: question.gradient(self.entries.iter().map(|entry| entry.quotient())),
            evidence: Evidence { certificate: None, refusals: self.refusals() },
        }
    }

    /// What was refused, counted by reason.
    #[must_use]
    pub fn refusals(&self) -> Vec<Refusal> {
        let mut all: Vec<Refusal> = Vec::new();
        for reason in self.entries.iter().filter_map(|entry| entry.refusal()) {
            match all.iter_mut().find(|refusal| refusal.reason == reason) {
                Some(refusal) => refusal.count += 1,
                None => all.push(Refusal { reason, count: 1 }),
            }
        }
        all
    }
}

/// Difference quotients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FiniteDifferences {
    /// See [`TOLERANCE`], which is the default.
    pub tolerance: f64,
}

impl Default for FiniteDifferences {
    fn default() -> Self {
        Self { tolerance: TOLERANCE }
    }
}

impl Engine for FiniteDifferences {
    fn name(&self) -> &'static str {
        "finite differences"
    }

    fn answer(&self, question: &Question<'_>) -> Result<Answer, CompareError> {
        Ok(self.differences(question)?.answer(question))
    }
}

impl FiniteDifferences {
    /// Returns the quotients with respect to every number, those that are refused with the reason.
    ///
    /// # Errors
    /// If the question itself cannot be run.
    pub fn differences(&self, question: &Question<'_>) -> Result<Differences, CompareError> {
        let Question { parameters, stimulus, .. } = question;
        let run = question.run(parameters, stimulus)?;
        let signature = Signature::new(&run.circuit, &run.trace);
        let numbers = question.numbers();
        let count = parameters.to_vec().len();
        let mut entries = Vec::with_capacity(numbers.len());
        for (k, number) in numbers.iter().enumerate() {
            let at = |x: f64| {
                let run = match k.checked_sub(count) {
                    None => question.run(&with_parameter(parameters, k, x), stimulus).ok()?,
                    Some(k) => question.run(parameters, &with_number(stimulus, k, x)?).ok()?,
                };
                Some((run.loss, Signature::new(&run.circuit, &run.trace) == signature))
            };
            entries.push(self.quotient(number.value, number.scale, at));
        }
        let size = entries
            .iter()
            .zip(&numbers)
            .filter_map(|(entry, number)| entry.quotient().map(|value| value.abs() * number.scale));
        let largest = size.fold(0.0, f64::max);
        for (entry, number) in entries.iter_mut().zip(&numbers) {
            if let Difference::Quotient { value, error } = *entry
                && error * number.scale > self.tolerance * largest
            {
                *entry = Difference::Unresolved { value, error };
            }
        }
        Ok(Differences { loss: run.loss, signature, entries })
    }

    /// The quotient at `x`, where `at` returns the value of the loss at a point and whether its signature is the right one.
    fn quotient(&self, x: f64, scale: f64, at: impl Fn(f64) -> Option<(f64, bool)>) -> Difference {
        let (mut tableau, mut refusal) = (Tableau::default(), Difference::OutOfRange);
        let mut unmoved = 0;
        for k in 0..STEPS {
            let step = FIRST_STEP * scale / f64::from(1_u32 << k);
            let (Some((up, is_up)), Some((down, is_down))) = (at(x + step), at(x - step)) else {
                continue;
            };
            if !(is_up && is_down) {
                refusal = Difference::SignatureChanged;
                continue;
            }
            let rounding = ROUNDING * f64::EPSILON * up.abs().max(down.abs()) / step;
            // The step as it was taken, after rounding.
            tableau.push((up - down) / ((x + step) - (x - step)), rounding);
            unmoved += u32::from(up.to_bits() == down.to_bits());
            match tableau.best {
                Some((value, error)) if error <= ENOUGH * self.tolerance * value.abs() => break,
                // What does not depend on the number at all is known after three steps.
                _ if unmoved == 3 => break,
                _ => {}
            }
        }
        tableau.best.map_or(refusal, |(value, error)| Difference::Quotient { value, error })
    }
}

/// Quotients of halved steps, extrapolated.
#[derive(Default)]
struct Tableau {
    /// The quotient of the last step, and its extrapolations.
    last: Vec<f64>,
    /// The entry with the smallest estimated error, and that error.
    best: Option<(f64, f64)>,
}

impl Tableau {
    fn push(&mut self, quotient: f64, rounding: f64) {
        let (mut row, mut factor) = (vec![quotient], 4.0);
        for (order, &earlier) in self.last.iter().take(EXTRAPOLATIONS).enumerate() {
            let value = (factor * row[order] - earlier) / (factor - 1.0);
            let change = (value - row[order]).abs().max((value - earlier).abs());
            let error = change.max(rounding);
            if self.best.is_none_or(|(_, best)| error < best) {
                self.best = Some((value, error));
            }
            row.push(value);
            factor *= 4.0;
        }
        self.last = row;
    }
}

fn with_parameter(parameters: &Parameters, k: usize, x: f64) -> Parameters {
    let mut changed = parameters.clone();
    set(&mut changed, k, x);
    changed
}

/// The stimulus with another value for its number at position `k`.
fn with_number(stimulus: &Stimulus, k: usize, x: f64) -> Option<Stimulus> {
    let mut position = 0;
    let mut changed = |value: f64| {
        position += 1;
        if position == k + 1 { x } else { value }
    };
    let sorted: Vec<f64> = stimulus.spikes().iter().map(|spike| spike.time).collect();
    let times = stimulus.in_given_order(&sorted).into_iter().map(&mut changed);
    let mut spikes: Vec<InputSpike> = times.map(|time| InputSpike { channel: 0, time }).collect();
    for (&given, spike) in stimulus.given_positions().iter().zip(stimulus.spikes()) {
        spikes[given].channel = spike.channel;
    }
    let current = |current: &InjectedCurrent| InjectedCurrent {
        neurons: current.neurons.clone(),
        steps: current.steps.map(&mut changed),
    };
    let currents = stimulus.injected().iter().map(current).collect();
    Stimulus::new(stimulus.t_end(), spikes).ok()?.with_currents(currents).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotient(x: f64, scale: f64, f: impl Fn(f64) -> f64) -> Difference {
        FiniteDifferences::default().quotient(x, scale, |x| Some((f(x), true)))
    }

    #[test]
    fn a_smooth_function_is_differentiated_to_the_estimated_error() {
        for (x, scale) in [(0.0, 1.0), (3.0, 3.0), (1e-9, 1.0), (0.7, 0.01)] {
            let Difference::Quotient { value, error } = quotient(x, scale, |x| (2.0 * x).sin())
            else {
                panic!("refused at {x}")
            };
            let exact = 2.0 * (2.0 * x).cos();
            assert!((value - exact).abs() <= error && error < TOLERANCE, "{value} {exact} {error}");
        }
    }

    #[test]
    fn near_a_branch_point_the_step_is_halved() {
        // √(x − x₀) at a hundredth of the scale from x₀: the first steps are a fifth of that distance.
        let Difference::Quotient { value, error } = quotient(1.01, 1.0, |x| (x - 1.0).sqrt())
        else {
            panic!("refused")
        };
        assert!((value - 5.0).abs() <= error && error < TOLERANCE * value, "{value} {error}");
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let differences = FiniteDifferences::default();
        assert_eq!(
            differences.quotient(0.0, 1.0, |_| Some((1.0, false))),
            Difference::SignatureChanged
        );
        assert_eq!(
            differences.quotient(0.0, 1.0, |x| (x >= 0.0).then_some((x, true))),
            Difference::OutOfRange
        );
        // One branch within 2⁻¹² of the scale: the short steps still count.
        let narrow = |x: f64| Some((x * x, (x - 1.0).abs() < 1.0 / 4096.0));
        let Difference::Quotient { value, .. } = differences.quotient(1.0, 1.0, narrow) else {
            panic!("refused")
        };
        assert!((value - 2.0).abs() < TOLERANCE);
    }
}
