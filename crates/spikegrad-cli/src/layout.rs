//! JSON that a person can read: what fits on a line stands on one, and so does every list of numbers.
//!
//! `serde_json` knows two forms, all on one line, or every number of a matrix on a line of its own. Here its first form is
//! broken into lines afterwards, when it is known how long things are. Not here: where the text goes (`output.rs`).

use serde::Serialize;

/// Columns that a line should have at most.
const WIDTH: usize = 100;

/// Spaces for each level.
const INDENT: usize = 2;

/// Why a document cannot be written.
#[derive(Debug)]
pub(crate) enum Unwritable {
    Json(serde_json::Error),
    /// JSON has no such number; `serde_json` would write `null`.
    NotFinite,
}

/// Returns `document` as JSON with a newline at its end. A document without a value somewhere (`null`) is refused.
pub(crate) fn json(document: &impl Serialize) -> Result<Vec<u8>, Unwritable> {
    Ok(laid_out(&compact_without_nulls(document)?))
}

/// The document on one line. A value that is missing (`null`) is refused.
fn compact_without_nulls(document: &impl Serialize) -> Result<Vec<u8>, Unwritable> {
    let compact = serde_json::to_vec(document).map_err(Unwritable::Json)?;
    if has_null(&compact) { Err(Unwritable::NotFinite) } else { Ok(compact) }
}

/// The same of a document of finite numbers, in which `null` is what does not apply.
pub(crate) fn json_with_nulls(document: &impl Serialize) -> Result<Vec<u8>, Unwritable> {
    let compact = serde_json::to_vec(document).map_err(Unwritable::Json)?;
    Ok(laid_out(&compact))
}

fn laid_out(compact: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(compact.len() + compact.len() / 4);
    lay_out(compact, 0, 0, &mut text);
    text.push(b'\n');
    text
}

/// Whether a value is `null`: no other word has an n.
fn has_null(compact: &[u8]) -> bool {
    let mut at = 0;
    while let Some(&byte) = compact.get(at) {
        match byte {
            b'n' => return true,
            b'"' => at += string_length(&compact[at..]),
            _ => at += 1,
        }
    }
    false
}

/// Returns `document` as JSON on one line, with a newline at its end. A document without a value somewhere (`null`) is refused.
pub(crate) fn line(document: &impl Serialize) -> Result<Vec<u8>, Unwritable> {
    let compact = compact_without_nulls(document)?;
    let mut text = Vec::with_capacity(compact.len() + compact.len() / 4);
    on_one_line(&compact, &mut text);
    text.push(b'\n');
    Ok(text)
}

/// Appends the value at the start of `compact`, which stands on `column`, and returns its length there.
fn lay_out(compact: &[u8], level: usize, column: usize, text: &mut Vec<u8>) -> usize {
    let extent = extent(compact);
    let value = &compact[..extent.length];
    if extent.is_flat_list || !extent.has_entries || column + extent.width <= WIDTH {
        on_one_line(value, text);
        return extent.length;
    }
    let is_object = value[0] == b'{';
    text.push(value[0]);
    let mut at = 1;
    loop {
        let start = new_line(level + 1, text);
        if is_object {
            let key = string_length(&value[at..]);
            text.extend_from_slice(&value[at..at + key]);
            text.extend_from_slice(b": ");
            at += key + 1;
        }
        let column = text.len() - start;
        at += lay_out(&value[at..], level + 1, column, text);
        if value[at] != b',' {
            break;
        }
        text.push(b',');
        at += 1;
    }
    new_line(level, text);
    text.push(value[at]);
    extent.length
}

/// Breaks the line and returns where the new one starts.
fn new_line(level: usize, text: &mut Vec<u8>) -> usize {
    text.push(b'\n');
    let start = text.len();
    text.resize(start + INDENT * level, b' ');
    start
}

/// How far a value reaches, and what it is.
#[derive(Debug, Default)]
struct Extent {
    /// In the compact form.
    length: usize,
    /// On one line, with spaces.
    width: usize,
    /// Whether it is a list or an object, and not an empty one.
    has_entries: bool,
    /// Whether it is a list without lists and objects.
    is_flat_list: bool,
}

/// The extent of the value at the start of `compact`.
fn extent(compact: &[u8]) -> Extent {
    let is_container = matches!(compact[0], b'[' | b'{');
    let (mut at, mut depth, mut spaces, mut is_nested) = (0, 0_usize, 0, false);
    while let Some(&byte) = compact.get(at) {
        match byte {
            b'"' => {
                at += string_length(&compact[at..]);
                if depth == 0 {
                    break;
                }
                continue;
            }
            b'[' | b'{' => {
                depth += 1;
                is_nested |= depth > 1;
            }
            b',' | b']' | b'}' if depth == 0 => break,
            b']' | b'}' => {
                depth -= 1;
                if depth == 0 {
                    at += 1;
                    break;
                }
            }
            b',' | b':' => spaces += 1,
            _ => {}
        }
        at += 1;
    }
    Extent {
        length: at,
        width: at + spaces,
        has_entries: is_container && at > 2,
        is_flat_list: compact[0] == b'[' && !is_nested,
    }
}

/// Length of the string at the start of `compact`, with its quotes.
fn string_length(compact: &[u8]) -> usize {
    let mut at = 1;
    while let Some(&byte) = compact.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    compact.len()
}

/// Copies a value with a space after each comma and colon.
fn on_one_line(value: &[u8], text: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(&byte) = value.get(at) {
        if byte == b'"' {
            let length = string_length(&value[at..]);
            text.extend_from_slice(&value[at..at + length]);
            at += length;
            continue;
        }
        text.push(byte);
        if matches!(byte, b',' | b':') {
            text.push(b' ');
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn text(document: &Value) -> String {
        String::from_utf8(json(document).unwrap()).unwrap()
    }

    #[test]
    fn what_fits_on_a_line_stands_on_one() {
        let document =
            serde_json::json!({"a": [[1, 2.5], []], "b": {}, "c": "x\",{[", "d": [{"e": true}]});
        let expected = r#"{"a": [[1, 2.5], []], "b": {}, "c": "x\",{[", "d": [{"e": true}]}"#;
        assert_eq!(text(&document), format!("{expected}\n"));
        assert_eq!(text(&serde_json::json!(1.5)), "1.5\n");
        assert_eq!(text(&serde_json::json!([])), "[]\n");
    }

    #[test]
    fn what_does_not_fit_is_broken_but_for_lists_of_numbers() {
        let row: Vec<i32> = (100..140).collect();
        let document = serde_json::json!({"matrix": [row, [1]], "words": {"a\\": "x".repeat(60), "b": "y".repeat(60)}});
        let numbers = serde_json::to_string(&row).unwrap().replace(',', ", ");
        let (x, y) = ("x".repeat(60), "y".repeat(60));
        let expected = format!(
            "{{\n  \"matrix\": [\n    {numbers},\n    [1]\n  ],\n  \"words\": {{\n    \"a\\\\\": \"{x}\",\n    \"b\": \"{y}\"\n  }}\n}}\n"
        );
        assert_eq!(text(&document), expected);
        assert_eq!(serde_json::from_str::<Value>(&expected).unwrap(), document);
    }

    #[test]
    fn a_number_that_is_not_finite_is_refused() {
        for document in [vec![vec![1.0, f64::NAN]], vec![vec![f64::INFINITY; 40]; 2]] {
            assert!(matches!(json(&document), Err(Unwritable::NotFinite)));
        }
        assert!(matches!(json(&f64::NAN), Err(Unwritable::NotFinite)));
        assert!(json(&serde_json::json!({"n\"n": "null", "b": [true, false]})).is_ok());
        let nothing = json_with_nulls(&serde_json::json!({"a": null, "b": [1, null]})).unwrap();
        assert_eq!(nothing, b"{\"a\": null, \"b\": [1, null]}\n");
    }
}
