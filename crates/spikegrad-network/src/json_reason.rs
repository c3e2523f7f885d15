//! What the JSON reader says, in the words of JSON and not of Rust.
//!
//! Not here: how a sentence shows what somebody wrote (`wording.rs`).

use crate::wording::shown;

/// Returns what the JSON reader says, with line and column, in the words of JSON and not of Rust.
///
/// What stands in the file is [shown], a number with as many digits as it takes.
#[must_use]
pub fn json_reason(source: &serde_json::Error) -> String {
    let text = source.to_string();
    let place = format!(" at line {} column {}", source.line(), source.column());
    let (text, place) = match text.strip_suffix(&place) {
        Some(text) => (text, place.as_str()),
        None => (text.as_str(), ""),
    };
    // The last one: what stands before it may be anything.
    let (found, expected) = match text.rfind(", expected ") {
        Some(at) => (&text[..at], Some(&text[at + ", expected ".len()..])),
        None => (text, None),
    };
    let found = found_in_words(found);
    match expected.map(expected_in_words) {
        Some(expected) => format!("{found}, expected {expected}{place}"),
        None => format!("{found}{place}"),
    }
}

/// Serde's words for what was found, and ours.
const FOUND: [(&str, &str); 9] = [
    ("floating point ", "number "),
    ("integer ", "number "),
    ("boolean ", ""),
    ("string ", "text "),
    ("sequence", "list"),
    ("map", "object"),
    ("newtype struct", "object"),
    ("unit value", "null"),
    ("Option value", "null"),
];

/// Serde's words for what may stand there, and ours.
const EXPECTED: [(&str, &str); 8] = [
    ("a string", "a text"),
    ("a borrowed string", "a text"),
    ("a sequence", "a list"),
    ("a map", "an object"),
    ("a boolean", "true or false"),
    ("unit", "null"),
    ("variant identifier", "a name"),
    ("string or map", "a name or an object"),
];

/// What was found: its kind in our words, and its value as it can be shown.
fn found_in_words(text: &str) -> String {
    let (verdict, rest) = match text.split_once(": ") {
        Some((verdict @ ("invalid type" | "invalid value"), rest)) => {
            (format!("{verdict}: "), rest)
        }
        _ => (String::new(), text),
    };
    let (kind, rest) = FOUND
        .iter()
        .filter(|_| !verdict.is_empty())
        .find_map(|(serde, ours)| Some((*ours, rest.strip_prefix(serde)?)))
        .unwrap_or(("", rest));
    let quoted = rest.find(['`', '"']).and_then(|open| {
        let mark = &rest[open..=open];
        let close = rest.rfind(mark).filter(|&close| close > open)?;
        Some((&rest[..open], mark, &rest[open + 1..close], &rest[close + 1..]))
    });
    match quoted {
        Some((before, _, value, after))
            if kind == "number " || kind.is_empty() && !verdict.is_empty() =>
        {
            format!("{verdict}{kind}{before}{}{after}", number(value))
        }
        Some((before, mark, value, after)) => {
            format!("{verdict}{kind}{before}{mark}{}{mark}{after}", shown(value))
        }
        None => format!("{verdict}{kind}{}", shown(rest)),
    }
}

/// A number with as many digits as it takes; anything else as it is.
fn number(text: &str) -> String {
    match text.parse::<f64>() {
        Ok(value) if text.len() > 20 || text.contains('e') => format!("{value:?}"),
        _ => shown(text),
    }
}

fn expected_in_words(text: &str) -> String {
    if let Some((_, ours)) = EXPECTED.iter().find(|(serde, _)| *serde == text) {
        return (*ours).to_owned();
    }
    let last = text.rsplit(' ').next().unwrap_or_default();
    match (text, last) {
        // `usize`, and also `a nonzero u32`.
        (_, "u8" | "u16" | "u32" | "u64" | "u128" | "usize") => {
            let least = if text.contains("nonzero") { 1 } else { 0 };
            format!("a whole number, {least} or more")
        }
        (_, "i8" | "i16" | "i32" | "i64" | "i128" | "isize") => "a whole number".to_owned(),
        (_, "f32" | "f64") => "a number".to_owned(),
        _ if text.starts_with("struct ") || text.starts_with("internally tagged enum ") => {
            "an object".to_owned()
        }
        _ => text.replace("a tuple of size", "a list of length"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde::de::DeserializeOwned;
    use std::num::NonZeroU32;

    /// What is said of `text`, which is no `T`.
    fn said<T: DeserializeOwned + std::fmt::Debug>(text: &str) -> String {
        json_reason(&serde_json::from_str::<T>(text).unwrap_err())
    }

    #[test]
    fn types_are_those_of_json() {
        for (reason, said) in [
            (
                "invalid type: text \"x\", expected a whole number, 0 or more",
                said::<usize>("\"x\""),
            ),
            ("invalid value: number -1, expected a whole number, 0 or more", said::<u64>("-1")),
            (
                "invalid value: number 0, expected a whole number, 1 or more",
                said::<NonZeroU32>("0"),
            ),
            ("invalid value: number 300, expected a whole number, 0 or more", said::<u8>("300")),
            ("invalid type: number 1.5, expected a whole number", said::<i64>("1.5")),
            ("invalid type: true, expected a number", said::<f64>("true")),
            ("invalid type: null, expected a text", said::<String>("null")),
            ("invalid type: object, expected a list", said::<Vec<f64>>("{}")),
            ("invalid type: list, expected true or false", said::<bool>("[]")),
            ("invalid length 1, expected a list of length 2", said::<(f64, f64)>("[1]")),
        ] {
            let (said, place) = said.split_once(" at line 1 column ").unwrap();
            assert_eq!((said, place.parse::<u32>().is_ok()), (reason, true));
        }
    }

    #[test]
    fn a_number_has_no_more_digits_than_it_takes() {
        for digits in ["1".to_owned() + &"0".repeat(300), "1e300".to_owned()] {
            let said = said::<u64>(&digits);
            assert!(said.starts_with("invalid type: number 1e300, expected"), "{said}");
        }
        let said = said::<u64>("-123456789012345678901234");
        assert!(said.contains("number -1.2345678901234569e23,"), "{said}");
    }

    #[test]
    fn a_key_stays_on_the_line_and_leaves_room_for_the_rest() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct One {
            #[serde(rename = "known")]
            _known: Option<f64>,
        }
        let key = format!("bad\\n, expected u64 {}", "x".repeat(10_000));
        let said = said::<One>(&format!("{{\"{key}\": 1}}"));
        assert!(said.starts_with("unknown field `bad\\n, expected u64 xxx"), "{said}");
        assert!(said.contains("…") && said.contains("x`, expected `known` at line 1"), "{said}");
        assert!(said.len() < 200 && !said.contains('\n'), "{said}");
    }
}
