//! JSON that a person can read: what fits on a line stands on one, and so does every list of numbers.
//!
//! `serde_json` knows two forms, all on one line, or every number of a matrix on a line of its own. Here it writes the first, and
//! a list or object that turns out too long is broken where its entries begin. What it holds is broken by then, if it has to be: it
//! would stand no further to the left than on lines of its own. Not here: where the text goes (`output.rs`).

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use std::cell::RefCell;
use std::io;

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
    Text { width: WIDTH, takes_null: false, ..Text::default() }.of(document)
}

/// The same of a document of finite numbers, in which `null` is what does not apply.
pub(crate) fn json_with_nulls(document: &impl Serialize) -> Result<Vec<u8>, Unwritable> {
    Text { width: WIDTH, takes_null: true, ..Text::default() }.of(document)
}

/// Returns `document` as JSON on one line, with a newline at its end. A document without a value somewhere (`null`) is refused.
pub(crate) fn line(document: &impl Serialize) -> Result<Vec<u8>, Unwritable> {
    Text { width: usize::MAX, takes_null: false, ..Text::default() }.of(document)
}

/// What is written so far: the writer and the formatter of a document, since a list is broken after it was written.
#[derive(Default)]
struct Text {
    bytes: RefCell<Vec<u8>>,
    /// The lists and objects that are not closed, the innermost last.
    open: RefCell<Vec<Container>>,
    width: usize,
    takes_null: bool,
}

/// A list or an object.
struct Container {
    /// Where its bracket is in the text.
    start: usize,
    /// Where its bracket would be on a line if everything around it were broken.
    column: usize,
    /// Where its entries are in the text.
    entries: Vec<usize>,
    /// Whether its entries may have lines of their own: those of an object, and of a list with lists or objects.
    is_divisible: bool,
}

impl Text {
    fn of(self, document: &impl Serialize) -> Result<Vec<u8>, Unwritable> {
        let written = document.serialize(&mut Serializer::with_formatter(&self, &self));
        written.map_err(|error| match error.is_io() {
            // Memory takes all that is written to it, so this is `write_null`.
            true => Unwritable::NotFinite,
            false => Unwritable::Json(error),
        })?;
        let mut bytes = self.bytes.into_inner();
        bytes.push(b'\n');
        Ok(bytes)
    }

    fn begin(&self, is_object: bool) {
        let mut open = self.open.borrow_mut();
        let start = self.bytes.borrow().len();
        let mut column = 0;
        let level = open.len();
        if let Some(parent) = open.last_mut() {
            parent.is_divisible = true;
            column = INDENT * level + start - parent.entries.last().copied().unwrap_or(start);
        }
        open.push(Container { start, column, entries: Vec::new(), is_divisible: is_object });
    }

    fn begin_entry(&self) {
        if let Some(container) = self.open.borrow_mut().last_mut() {
            container.entries.push(self.bytes.borrow().len());
        }
    }

    /// Breaks the list or object whose closing bracket was just written, if it is too long for its line.
    fn end(&self) {
        let mut open = self.open.borrow_mut();
        let Some(Container { start, column, entries, is_divisible }) = open.pop() else { return };
        let level = open.len();
        let mut bytes = self.bytes.borrow_mut();
        let fits = column + bytes.len() - start <= self.width;
        if fits || !is_divisible || entries.is_empty() {
            return;
        }
        let written = bytes.split_off(start);
        let new_line = |bytes: &mut Vec<u8>, level: usize| {
            bytes.push(b'\n');
            bytes.resize(bytes.len() + INDENT * level, b' ');
        };
        let (inside, closing) = (&written[..written.len() - 1], &written[written.len() - 1..]);
        bytes.extend_from_slice(&inside[..1]);
        let ends = entries[1..].iter().map(|&next| next - start);
        for (&entry, end) in entries.iter().zip(ends.chain([inside.len()])) {
            new_line(&mut bytes, level + 1);
            bytes.extend_from_slice(inside[entry - start..end].trim_ascii_end());
        }
        new_line(&mut bytes, level);
        bytes.extend_from_slice(closing);
    }
}

impl io::Write for &Text {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.bytes.borrow_mut().write(piece)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Formatter for &Text {
    fn write_null<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.takes_null {
            writer.write_all(b"null")
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.begin(false);
        writer.write_all(b"[")
    }

    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        is_first: bool,
    ) -> io::Result<()> {
        writer.write_all(if is_first { b"" } else { b", " })?;
        self.begin_entry();
        Ok(())
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b"]")?;
        self.end();
        Ok(())
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.begin(true);
        writer.write_all(b"{")
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        is_first: bool,
    ) -> io::Result<()> {
        self.begin_array_value(writer, is_first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b"}")?;
        self.end();
        Ok(())
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
