//! Words of a user, of a file or of another program, within a sentence: on one line, and not too long.
//!
//! Not here: the sentences (`error.rs`, `data/problem.rs`).

use std::fmt::Display;

/// Letters that are shown of what may be of any length.
const LONGEST: usize = 120;

/// Digits that a number may have.
const LONGEST_NUMBER: usize = 24;

/// `text` with its control characters written out, such as `\n`.
pub(crate) fn plain(text: impl Display) -> String {
    let text = text.to_string();
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            letter if letter.is_control() => plain.extend(letter.escape_default()),
            // What could not be read as text at all.
            char::REPLACEMENT_CHARACTER => plain.push('?'),
            letter => plain.push(letter),
        }
    }
    plain
}

/// The same, cut off where it becomes long.
pub(crate) fn short(text: impl Display) -> String {
    let text = plain(text);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
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
    fn whatever_stands_in_a_sentence_it_stays_one_line() {
        assert_eq!(plain("a\nb\u{1b}[2Jτ\u{fffd}"), "a\\nb\\u{1b}[2Jτ?");
        assert_eq!(short("x".repeat(LONGEST)), "x".repeat(LONGEST));
        assert_eq!(short("é".repeat(LONGEST * 9)), "é".repeat(LONGEST) + "…");
    }

    #[test]
    fn numbers_are_as_long_as_they_need_to_be() {
        let shown = [0.025, -1.0, 1e300, 5e-324, f64::NAN].map(value);
        assert_eq!(shown, ["0.025", "-1", "1e300", "5e-324", "NaN"]);
        assert_eq!(value(f64::MAX), "1.7976931348623157e308");
        assert_eq!(value("1".repeat(301)), "1.1111111111111112e300");
    }
}
