//! A picture as PNG: its shapes filled by tiny-skia, its texts as outlines of the embedded font.
//!
//! Not here: what is drawn (`picture.rs`), how wide letters are (`font.rs`).

use tiny_skia::{FillRule, LineJoin, Paint, PathBuilder, Pixmap, Rect, Stroke, Transform};

use super::font;
use super::palette::Colour;
use super::picture::{Align, Picture, Position, Shape, TextStyle};
use crate::ReportError;

/// Pixels to a point, in each direction: sharp on dense screens and in print.
const PIXELS: f32 = 2.0;

impl Picture {
    /// Returns the picture as a PNG with two pixels to a point.
    pub(super) fn to_png(&self) -> Result<Vec<u8>, ReportError> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "pictures are some hundred points wide"
        )]
        let pixels = |points: f64| (single(points.ceil()) * PIXELS) as u32;
        let mut pixmap = Pixmap::new(pixels(self.width), pixels(self.height))
            .ok_or(ReportError::EmptyFigure { missing: "the sheet has no extent" })?;
        pixmap.fill(tiny_skia::Color::WHITE);
        for shape in &self.shapes {
            paint(&mut pixmap, shape);
        }
        pixmap.encode_png().map_err(ReportError::drawing)
    }
}

/// tiny-skia works in single precision, which is a thousandth of a pixel anywhere on a sheet.
#[expect(clippy::cast_possible_truncation, reason = "see above")]
fn single(points: f64) -> f32 {
    points as f32
}

/// Paints a shape; one without an extent, or with a place that is no number, is left out.
fn paint(pixmap: &mut Pixmap, shape: &Shape) {
    let to_pixels = Transform::from_scale(PIXELS, PIXELS);
    match shape {
        Shape::Rectangle { upper_left: (left, top), lower_right: (right, bottom), colour } => {
            let [left, top, right, bottom] = [*left, *top, *right, *bottom].map(single);
            if let Some(rectangle) = Rect::from_ltrb(left, top, right, bottom) {
                pixmap.fill_rect(rectangle, &ink(*colour), to_pixels, None);
            }
        }
        Shape::Disc { centre: (x, y), radius, colour } => {
            if let Some(disc) = PathBuilder::from_circle(single(*x), single(*y), single(*radius)) {
                pixmap.fill_path(&disc, &ink(*colour), FillRule::Winding, to_pixels, None);
            }
        }
        Shape::Line { points, width, colour } => {
            let mut line = PathBuilder::new();
            for (k, &(x, y)) in points.iter().enumerate() {
                let (x, y) = (single(x), single(y));
                if k == 0 { line.move_to(x, y) } else { line.line_to(x, y) }
            }
            if let Some(line) = line.finish() {
                let width = single(*width);
                let stroke = Stroke { width, line_join: LineJoin::Round, ..Stroke::default() };
                pixmap.stroke_path(&line, &ink(*colour), &stroke, to_pixels, None);
            }
        }
        Shape::Text { text, position, style } => write(pixmap, text, *position, *style),
    }
}

fn ink(Colour(red, green, blue): Colour) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color_rgba8(red, green, blue, 255);
    paint
}

/// Fills the outlines of the letters.
fn write(pixmap: &mut Pixmap, text: &str, (x, y): Position, style: TextStyle) {
    let width = font::text_width(text, style);
    let start = match style.align {
        Align::Start => 0.0,
        Align::Middle => -width / 2.0,
        Align::End => -width,
    };
    let mut letters = PathBuilder::new();
    font::outline(text, style.bold, &mut letters);
    let Some(letters) = letters.finish() else { return };
    let turn = if style.upwards { Transform::from_rotate(-90.0) } else { Transform::identity() };
    // From em, upwards from the baseline, to points, downwards.
    let placed = Transform::from_scale(single(style.size), -single(style.size))
        .post_translate(single(start), 0.0)
        .post_concat(turn)
        .post_translate(single(x), single(y))
        .post_scale(PIXELS, PIXELS);
    pixmap.fill_path(&letters, &ink(style.colour), FillRule::Winding, placed, None);
}

#[cfg(test)]
mod tests {
    use super::super::palette::{BLUE, INK};
    use super::super::picture::NORMAL;
    use super::*;

    /// One of everything on a sheet of 20 by 10 points.
    fn picture() -> Picture {
        let mut picture = Picture::new(20.0, 10.0);
        picture.rectangle((0.0, 0.0), (5.0, 10.0), BLUE);
        picture.disc((10.0, 5.0), 2.0, INK);
        picture.line(vec![(5.0, 0.0), (5.0, 10.0), (5.0, 0.0)], 1.0, INK);
        picture.text("A\u{1}é", (18.0, 9.0), NORMAL.align(Align::Middle).upwards());
        picture.text("b", (f64::MAX, f64::NAN), NORMAL);
        picture.disc((f64::NAN, 0.0), 1.0, INK);
        picture.line(vec![(0.0, f64::NAN), (20.0, 0.0)], 1.0, INK);
        picture
    }

    #[test]
    fn the_png_has_two_pixels_a_point_and_the_colours_asked_for() {
        let pixmap = Pixmap::decode_png(&picture().to_png().unwrap()).unwrap();
        assert_eq!((pixmap.width(), pixmap.height()), (40, 20));
        let pixel = |x: u32, y: u32| {
            let colour = pixmap.pixel(x, y).unwrap().demultiply();
            Colour(colour.red(), colour.green(), colour.blue())
        };
        assert_eq!(pixel(4, 10), BLUE);
        assert_eq!(pixel(20, 10), INK);
        assert_eq!(pixel(13, 2), Colour(255, 255, 255));
    }

    #[test]
    fn texts_have_ink_where_they_are_aligned() {
        // Columns with ink of a text at 50 of 100 points.
        let columns = |align| {
            let mut picture = Picture::new(100.0, 20.0);
            picture.text("mmm", (50.0, 15.0), NORMAL.align(align));
            let pixmap = Pixmap::decode_png(&picture.to_png().unwrap()).unwrap();
            let has_ink = |&x: &u32| (0..40).any(|y| pixmap.pixel(x, y).unwrap().red() < 128);
            let inked: Vec<u32> = (0..200).filter(has_ink).collect();
            (inked[0], inked[inked.len() - 1])
        };
        let (start, middle, end) =
            (columns(Align::Start), columns(Align::Middle), columns(Align::End));
        assert!(start.0 >= 100 && end.1 <= 100, "{start:?} {end:?}");
        assert!(middle.0.abs_diff(200 - middle.1) <= 2, "{middle:?}");
    }

    #[test]
    fn the_same_picture_is_the_same_file() {
        assert_eq!(picture().to_png().unwrap(), picture().to_png().unwrap());
    }
}
