//! A setting with which no run can be made, as the part of the configuration sees it that it belongs to.
//!
//! A part knows its own keys, not where in the configuration it stands; who puts it there puts its own heading before the key
//! ([`OutOfRange::below`]), and in the end it is a [`TrainError::InvalidSetting`].
//!
//! Not here: the ranges (the `validate` of each part).

use std::fmt::Display;

use crate::{TrainError, words};

/// A value of the right kind that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutOfRange {
    /// The key within its part of the configuration.
    pub key: String,
    /// The value that stands there.
    pub found: String,
    /// What it must be, to follow "must be".
    pub rule: &'static str,
}

impl OutOfRange {
    /// Seen from one level further up.
    #[must_use]
    pub fn below(self, heading: impl Display) -> Self {
        Self { key: format!("{heading}.{}", self.key), ..self }
    }
}

impl From<OutOfRange> for TrainError {
    fn from(OutOfRange { key, found, rule }: OutOfRange) -> Self {
        Self::InvalidSetting { key, found, rule }
    }
}

/// More than this of anything is a slip of the finger, and its memory could not be had.
const LARGEST_COUNT: usize = 1_000_000;

pub(crate) fn check(
    key: impl Display,
    found: impl Display,
    holds: bool,
    rule: &'static str,
) -> Result<(), OutOfRange> {
    if holds {
        return Ok(());
    }
    Err(OutOfRange { key: key.to_string(), found: words::value(found), rule })
}

pub(crate) fn count(key: &str, found: usize) -> Result<(), OutOfRange> {
    check(key, found, (1..=LARGEST_COUNT).contains(&found), "from 1 to 1000000")
}

pub(crate) fn positive(key: &str, found: f64) -> Result<(), OutOfRange> {
    check(key, found, found.is_finite() && found > 0.0, "finite and above 0")
}

pub(crate) fn not_negative(key: &str, found: f64) -> Result<(), OutOfRange> {
    check(key, found, found.is_finite() && found >= 0.0, "finite and not below 0")
}

pub(crate) fn finite(key: &str, found: f64) -> Result<(), OutOfRange> {
    check(key, found, found.is_finite(), "finite")
}

/// For the share of a running mean that is kept in a step.
pub(crate) fn below_one(key: &str, found: f64) -> Result<(), OutOfRange> {
    check(key, found, (0.0..1.0).contains(&found), "at least 0 and below 1")
}
