//! A picture: shapes on a white sheet, in points from its upper left corner, painted in order.
//!
//! Not here: file formats (`svg.rs`, `png.rs`).

use std::path::Path;

use super::palette::{Colour, INK};
use crate::{ReportError, write_beside};

/// A position in points: to the right, and down.
pub type Position = (f64, f64);

/// What there is to draw.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Width in points.
    pub width: f64,
    /// Height in points.
    pub height: f64,
    /// What is on it, painted in order.
    pub shapes: Vec<Shape>,
}

/// A thing on the sheet.
#[derive(Clone, Debug)]
pub enum Shape {
    /// A filled rectangle.
    Rectangle {
        /// Upper left corner.
        upper_left: Position,
        /// Lower right corner.
        lower_right: Position,
        /// Its colour.
        colour: Colour,
    },
    /// A filled circle.
    Disc {
        /// Its centre.
        centre: Position,
        /// Its radius in points.
        radius: f64,
        /// Its colour.
        colour: Colour,
    },
    /// A line through points, with round corners.
    Line {
        /// The points.
        points: Vec<Position>,
        /// Its width in points.
        width: f64,
        /// Its colour.
        colour: Colour,
    },
    /// A line of text, without control characters.
    Text {
        /// The text.
        text: String,
        /// Where its baseline is, at the end that the style aligns.
        position: Position,
        /// How it looks.
        style: TextStyle,
    },
}

/// How a text looks, and which of its points is put at its position.
#[derive(Clone, Copy, Debug)]
pub struct TextStyle {
    /// Em size in points.
    pub size: f64,
    /// Whether it is bold.
    pub bold: bool,
    /// Its colour.
    pub colour: Colour,
    /// The point that is put at its position.
    pub align: Align,
    /// Whether the text runs upwards instead of to the right.
    pub upwards: bool,
}

/// The point of a text's baseline that is put at its position.
#[derive(Clone, Copy, Debug)]
pub enum Align {
    /// Where it begins.
    Start,
    /// Half way.
    Middle,
    /// Where it ends.
    End,
}

/// Height of a capital letter in em: half of it below the middle of a line of text is the baseline.
const CAP_HEIGHT: f64 = 0.73;

/// Small text, such as the numbers at an axis.
pub const SMALL: TextStyle =
    TextStyle { size: 11.0, bold: false, colour: INK, align: Align::Start, upwards: false };

/// Text that names something.
pub const NORMAL: TextStyle = TextStyle { size: 12.5, ..SMALL };

/// Text above a panel.
pub const HEADING: TextStyle = TextStyle { size: 14.0, bold: true, ..SMALL };

impl TextStyle {
    /// The same with another alignment.
    #[must_use]
    pub fn align(self, align: Align) -> Self {
        Self { align, ..self }
    }

    /// The same, running upwards.
    #[must_use]
    pub fn upwards(self) -> Self {
        Self { upwards: true, ..self }
    }

    /// How far below the middle of a line of text its baseline is, in points.
    #[must_use]
    pub fn baseline(self) -> f64 {
        self.size * CAP_HEIGHT / 2.0
    }
}

impl Picture {
    /// An empty sheet.
    #[must_use]
    pub fn new(width: f64, height: f64) -> Self {
        Self { width, height, shapes: Vec::new() }
    }

    /// Paints a rectangle.
    pub fn rectangle(&mut self, upper_left: Position, lower_right: Position, colour: Colour) {
        self.shapes.push(Shape::Rectangle { upper_left, lower_right, colour });
    }

    /// Paints a disc.
    pub fn disc(&mut self, centre: Position, radius: f64, colour: Colour) {
        self.shapes.push(Shape::Disc { centre, radius, colour });
    }

    /// Draws a line through points.
    pub fn line(&mut self, points: Vec<Position>, width: f64, colour: Colour) {
        self.shapes.push(Shape::Line { points, width, colour });
    }

    /// Draws a line as dashes; `points` are the two ends.
    pub fn dashes(&mut self, points: [Position; 2], width: f64, colour: Colour) {
        const PERIOD: f64 = 7.0;
        const DASH: f64 = 4.0;
        let [(x0, y0), (x1, y1)] = points;
        let length = libm::hypot(x1 - x0, y1 - y0);
        let at = |distance: f64| {
            let share = (distance / length).min(1.0);
            (x0 + share * (x1 - x0), y0 + share * (y1 - y0))
        };
        let mut start = 0.0;
        while start < length {
            self.line(vec![at(start), at(start + DASH)], width, colour);
            start += PERIOD;
        }
    }

    /// Writes `text` with its baseline at `position`.
    ///
    /// Control characters, which no XML may hold, become spaces.
    pub fn text(&mut self, text: impl Into<String>, position: Position, style: TextStyle) {
        self.shapes.push(Shape::Text {
            text: text.into().replace(char::is_control, " "),
            position,
            style,
        });
    }

    /// Writes the picture to `path`, which must end in `.svg` or `.png`.
    ///
    /// # Errors
    ///
    /// [`ReportError::FigureFormat`] for another ending; [`ReportError::Write`] if it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), ReportError> {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let bytes = match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("svg") => self.to_svg().into_bytes(),
            Some("png") => self.to_png()?,
            _ => return Err(ReportError::FigureFormat { path: path.to_path_buf() }),
        };
        write_beside(path, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::palette::BLUE;
    use super::*;

    #[test]
    fn another_ending_is_refused_by_name() {
        let error = Picture::new(1.0, 1.0).save(Path::new("curves.pdf")).unwrap_err();
        assert!(error.to_string().contains("curves.pdf"));
    }

    #[test]
    fn the_ending_of_a_name_says_the_format() {
        let folder = tempfile::tempdir().unwrap();
        let mut picture = Picture::new(20.0, 10.0);
        picture.disc((10.0, 5.0), 2.0, BLUE);
        for (name, start) in [("a.svg", &b"<svg "[..]), ("a.PNG", b"\x89PNG")] {
            let path = folder.path().join(name);
            picture.save(&path).unwrap();
            assert!(std::fs::read(path).unwrap().starts_with(start), "{name}");
        }
    }
}
