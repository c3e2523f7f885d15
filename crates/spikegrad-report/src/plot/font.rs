//! The embedded font: how wide a text is, and the outlines of its letters.
//!
//! Not here: where texts stand (`picture.rs`).

use std::sync::OnceLock;

use tiny_skia::PathBuilder;
use ttf_parser::{Face, GlyphId, OutlineBuilder};

use super::picture::TextStyle;

/// The embedded font, and for whoever opens an SVG without it, others of the same width.
pub(super) const NAMES: &str = "DejaVu Sans, Verdana, sans-serif";

fn face(bold: bool) -> &'static Face<'static> {
    static FACES: OnceLock<[Face<'static>; 2]> = OnceLock::new();
    let faces = FACES.get_or_init(|| {
        [dejavu::sans::regular(), dejavu::sans::bold()]
            .map(|bytes| Face::parse(bytes, 0).expect("the embedded font is a font"))
    });
    &faces[usize::from(bold)]
}

/// The letters of a line of text, each with its place from the start of the line, and the length of the line, in em.
fn set(text: &str, bold: bool) -> (Vec<(GlyphId, f64)>, f64) {
    let face = face(bold);
    let em = f64::from(face.units_per_em());
    let (mut letters, mut pen) = (Vec::new(), 0.0);
    for letter in text.chars() {
        // The first glyph stands for what the font does not have.
        let glyph = face.glyph_index(letter).unwrap_or_default();
        if let Some(&(last, _)) = letters.last() {
            pen += f64::from(kerning(face, last, glyph)) / em;
        }
        letters.push((glyph, pen));
        pen += f64::from(face.glyph_hor_advance(glyph).unwrap_or(0)) / em;
    }
    (letters, pen)
}

/// How much nearer two letters stand to each other than their widths say, in units of the font.
fn kerning(face: &Face<'_>, left: GlyphId, right: GlyphId) -> i16 {
    let tables = face.tables().kern.into_iter().flat_map(|table| table.subtables);
    let mut pairs = tables.filter(|table| table.horizontal && !table.variable);
    pairs.find_map(|table| table.glyphs_kerning(left, right)).unwrap_or(0)
}

/// Returns the width of `text` in points.
#[must_use]
pub fn text_width(text: &str, style: TextStyle) -> f64 {
    style.size * set(text, style.bold).1
}

/// Cuts `text` so that it is not wider than `longest` points, and says so with an ellipsis.
#[must_use]
pub fn shortened(text: &str, style: TextStyle, longest: f64) -> String {
    if text_width(text, style) <= longest {
        return text.to_owned();
    }
    let mut start = String::new();
    for letter in text.chars() {
        start.push(letter);
        if text_width(&start, style) > longest - style.size {
            break;
        }
    }
    start.pop();
    start + "…"
}

/// Adds the outlines of the letters of `text` to `path`: in em, to the right from its start and up from its baseline.
pub(super) fn outline(text: &str, bold: bool, path: &mut PathBuilder) {
    let face = face(bold);
    let em = f32::from(face.units_per_em());
    for (glyph, start) in set(text, bold).0 {
        #[expect(clippy::cast_possible_truncation, reason = "outlines are in single precision")]
        let start = start as f32;
        face.outline_glyph(glyph, &mut Outline { path, start, em });
    }
}

/// Takes an outline in units of the font.
struct Outline<'a> {
    path: &'a mut PathBuilder,
    start: f32,
    em: f32,
}

impl Outline<'_> {
    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        (self.start + x / self.em, y / self.em)
    }
}

impl OutlineBuilder for Outline<'_> {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.at(x1, y1), self.at(x, y));
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.at(x1, y1), self.at(x2, y2), self.at(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}

#[cfg(test)]
mod tests {
    use super::super::picture::{HEADING, NORMAL};
    use super::*;

    #[test]
    fn a_text_is_as_wide_as_its_letters() {
        let width = |text: &str, style| text_width(text, style);
        assert!((width("m", NORMAL) / NORMAL.size - 0.974).abs() < 1e-3, "1995 of 2048 units");
        assert!((width("mm", NORMAL) - 2.0 * width("m", NORMAL)).abs() < 1e-3);
        assert!(width("Loss", HEADING) > width("Loss", TextStyle { bold: false, ..HEADING }));
    }

    #[test]
    fn some_letters_stand_nearer_to_each_other() {
        let width = |text: &str| text_width(text, NORMAL);
        assert!(width("AV") < width("A") + width("V"));
    }

    #[test]
    fn a_long_text_is_cut_to_its_room() {
        let short = shortened("a name that is far too long", NORMAL, 80.0);
        assert!(short.starts_with("a name") && short.ends_with('…'));
        assert!(text_width(&short, NORMAL) <= 80.0);
        assert_eq!(shortened("short", NORMAL, 80.0), "short");
    }
}
