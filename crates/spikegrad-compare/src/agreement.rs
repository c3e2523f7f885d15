//! Two answers to one question side by side: how many entries both have, and which differ most.
//!
//! Entries of different kinds are made comparable by the scale of their number (`number.rs`): what counts is the change of the
//! loss for a change that matters. Differences are relative to the largest entry of either answer.
//!
//! Not here: what difference is allowed; a tolerance is the caller's.

use crate::{Answer, Question};
use std::fmt;

/// How far two answers agree.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Agreement {
    /// Entries that one of them has not.
    pub missing: usize,
    /// The difference of each entry that both have, relative to the largest entry ([`Entry::error`]), in the order of
    /// [`Question::numbers`].
    pub errors: Vec<f64>,
    /// The entry that differs most; `None` if none was compared.
    pub worst: Option<Entry>,
}

/// One entry of two answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Which number, in the words of the problem file.
    pub place: String,
    /// What the first answer says.
    pub first: f64,
    /// What the second answer says.
    pub second: f64,
    /// Their difference relative to the largest entry, both in units of their scales.
    pub error: f64,
}

impl Agreement {
    /// Sets two answers to `question` side by side.
    #[must_use]
    pub fn between(question: &Question<'_>, first: &Answer, second: &Answer) -> Self {
        let numbers = question.numbers();
        let (first, second) = (first.entries(), second.entries());
        let scaled = |entries: &[Option<f64>]| {
            let sizes = entries.iter().zip(&numbers);
            sizes.filter_map(|(x, n)| x.map(|x| x.abs() * n.scale)).fold(0.0, f64::max)
        };
        let largest = scaled(&first).max(scaled(&second));
        let mut all = Self::default();
        for ((number, first), second) in numbers.iter().zip(first).zip(second) {
            let (Some(first), Some(second)) = (first, second) else {
                all.missing += 1;
                continue;
            };
            let difference = (first - second).abs() * number.scale;
            // All entries zero, or equal: nothing to divide by. What is not a number is the worst there is.
            let error = if difference == 0.0 { 0.0 } else { difference / largest };
            let error = if error.is_nan() { f64::INFINITY } else { error };
            all.errors.push(error);
            if all.worst.as_ref().is_none_or(|worst| error > worst.error) {
                all.worst = Some(Entry { place: number.place.clone(), first, second, error });
            }
        }
        all
    }

    /// Number of entries that both have.
    #[must_use]
    pub fn compared(&self) -> usize {
        self.errors.len()
    }

    /// The largest difference, relative to the largest entry; 0 if nothing was compared.
    #[must_use]
    pub fn error(&self) -> f64 {
        self.worst.as_ref().map_or(0.0, |worst| worst.error)
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, first, second, error } = self;
        write!(f, "{place}: {first:e} and {second:e}, {error:.1e} of the largest entry")
    }
}
