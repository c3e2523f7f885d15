//! Words of a user, of a file or of another program, within a sentence: on one line, and not too long.
//!
//! The rules are those of problem files (`spikegrad::network::wording`), for whatever can be displayed. Not here: the sentences
//! (`error.rs`, `data/problem.rs`).

use std::fmt::Display;

use spikegrad::network::wording::{one_line, shown};

/// Digits that a number may have.
const LONGEST_NUMBER: usize = 24;

/// `text` on one line.
pub(crate) fn plain(text: impl Display) -> String {
    one_line(&text.to_string())
}

/// The same, cut where it is long.
pub(crate) fn short(text: impl Display) -> String {
    shown(&text.to_string())
}

/// A value of a setting, of which a number has no hundreds of digits.
pub(crate) fn value(found: impl Display) -> String {
    let text = found.to_string();
    match text.parse::<f64>() {
        Ok(number) if text.len() > LONGEST_NUMBER => format!("{number:e}"),
        _ => short(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_long_as_they_need_to_be() {
        let shown = [0.025, -1.0, 1e300, 5e-324, f64::NAN].map(value);
        assert_eq!(shown, ["0.025", "-1", "1e300", "5e-324", "NaN"]);
        assert_eq!(value(f64::MAX), "1.7976931348623157e308");
        assert_eq!(value("1".repeat(301)), "1.1111111111111112e300");
        assert_eq!(value("a\nb"), "a\\nb");
    }
}
