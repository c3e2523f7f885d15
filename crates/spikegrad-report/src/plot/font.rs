//! The embedded font: known to plotters by name, and measured here.
//!
//! plotters sets the letters of a bitmap without the white that belongs before each of them, so
//! that words come out uneven. For bitmaps, [`set`] therefore says where each letter goes, and they
//! are drawn one by one.
//!
//! Not here: where texts stand (`picture.rs`), and the SVG, whose reader sets the letters.

use std::sync::OnceLock;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont};
use plotters::style::{FontDesc, FontFamily, FontStyle, register_font};

use super::picture::TextStyle;
use crate::ReportError;

/// The embedded font, and for whoever opens the SVG without it, others of the same width.
const NAME: &str = "DejaVu Sans, Verdana, sans-serif";

/// Ascent and descent together, in em: what a bitmap calls the size of the font.
pub(super) const ASCENT_AND_DESCENT: f64 = 1.164;

/// A line of text on a bitmap.
pub(super) struct Setting {
    /// Each letter with the place of its ink, in pixels from the start of the line.
    pub(super) letters: Vec<(char, f64)>,
    /// Length of the line in pixels.
    pub(super) width: f64,
}

/// Returns the width of `text` in points.
pub(super) fn text_width(text: &str, style: TextStyle) -> Result<f64, ReportError> {
    set(text, style, 1.0).map(|setting| setting.width)
}

/// Cuts `text` so that it is not wider than `longest` points, and says so with an ellipsis.
pub(super) fn shortened(text: &str, style: TextStyle, longest: f64) -> Result<String, ReportError> {
    if text_width(text, style)? <= longest {
        return Ok(text.to_owned());
    }
    let mut kept = String::new();
    for letter in text.chars() {
        kept.push(letter);
        if text_width(&kept, style)? > longest - style.size {
            break;
        }
    }
    kept.pop();
    Ok(kept + "…")
}

/// Sets `text` on a bitmap with so many pixels to a point.
pub(super) fn set(text: &str, style: TextStyle, pixels: f64) -> Result<Setting, ReportError> {
    let face = FontRef::try_from_slice(bytes(style.bold)).map_err(ReportError::drawing)?;
    #[expect(clippy::cast_possible_truncation, reason = "glyphs are measured in single precision")]
    let size = (style.size * pixels * ASCENT_AND_DESCENT) as f32;
    let font = face.as_scaled(PxScale::from(size));
    let mut letters = Vec::new();
    let mut pen = 0.0;
    let mut last = None;
    for letter in text.chars() {
        let glyph = font.scaled_glyph(letter);
        let id = glyph.id;
        pen += last.map_or(0.0, |last| font.kern(last, id));
        if let Some(outline) = font.outline_glyph(glyph) {
            letters.push((letter, f64::from(pen + outline.px_bounds().min.x)));
        }
        pen += font.h_advance(id);
        last = Some(id);
    }
    Ok(Setting { letters, width: f64::from(pen) })
}

/// Returns plotters' name of the font, in plotters' size.
pub(super) fn description(bold: bool, size: f64) -> FontDesc<'static> {
    static REGISTERED: OnceLock<()> = OnceLock::new();
    REGISTERED.get_or_init(|| {
        for bold in [false, true] {
            // The bytes are part of the program, and the tests draw with them: this cannot fail.
            let registered = register_font(NAME, weight(bold), bytes(bold));
            debug_assert!(registered.is_ok(), "the embedded font is a font");
        }
    });
    FontDesc::new(FontFamily::Name(NAME), size, weight(bold))
}

fn weight(bold: bool) -> FontStyle {
    if bold { FontStyle::Bold } else { FontStyle::Normal }
}

fn bytes(bold: bool) -> &'static [u8] {
    if bold { dejavu::sans::bold() } else { dejavu::sans::regular() }
}

#[cfg(test)]
mod tests {
    use super::super::picture::{HEADING, NORMAL};
    use super::*;

    #[test]
    fn a_text_is_as_wide_as_its_letters() {
        let width = |text: &str, style| text_width(text, style).unwrap();
        assert!((width("m", NORMAL) / NORMAL.size - 0.974).abs() < 1e-3, "1995 of 2048 units");
        assert!((width("mm", NORMAL) - 2.0 * width("m", NORMAL)).abs() < 1e-3);
        assert!(width("Loss", HEADING) > width("Loss", TextStyle { bold: false, ..HEADING }));
    }

    #[test]
    fn a_long_text_is_cut_to_its_room() {
        let short = shortened("a name that is far too long", NORMAL, 80.0).unwrap();
        assert!(short.starts_with("a name") && short.ends_with('…'));
        assert!(text_width(&short, NORMAL).unwrap() <= 80.0);
        assert_eq!(shortened("short", NORMAL, 80.0).unwrap(), "short");
    }

    #[test]
    fn a_space_has_a_width_and_no_ink() {
        let setting = set("a b", NORMAL, 4.0).unwrap();
        let letters: String = setting.letters.iter().map(|(letter, _)| letter).collect();
        assert_eq!(letters, "ab");
        assert!(setting.letters[1].1 > 4.0 * text_width("a", NORMAL).unwrap());
    }
}
