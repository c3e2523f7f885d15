//! A picture: shapes on a white sheet, in points from its upper left corner, painted in order.
//!
//! Not here: file formats (`render.rs`).

use plotters::style::RGBColor;

use super::palette::INK;

/// A position in points: to the right, and down.
pub(super) type Position = (f64, f64);

/// What there is to draw.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) shapes: Vec<Shape>,
}

#[derive(Debug)]
pub(super) enum Shape {
    Rectangle { upper_left: Position, lower_right: Position, colour: RGBColor },
    Disc { centre: Position, radius: f64, colour: RGBColor },
    Line { points: Vec<Position>, width: f64, colour: RGBColor },
    Text { text: String, position: Position, style: TextStyle },
}

/// How a text looks, and which of its points is put at its position.
#[derive(Clone, Copy, Debug)]
pub(super) struct TextStyle {
    /// Em size in points.
    pub(super) size: f64,
    pub(super) bold: bool,
    pub(super) colour: RGBColor,
    pub(super) align: Align,
    /// Whether the text runs upwards instead of to the right.
    pub(super) upwards: bool,
}

/// The point of a text's baseline that is put at its position.
#[derive(Clone, Copy, Debug)]
pub(super) enum Align {
    Start,
    Middle,
    End,
}

/// Height of a capital letter in em: half of it below the middle of a line of text is the baseline.
pub(super) const CAP_HEIGHT: f64 = 0.73;

/// Small text, such as the numbers at an axis.
pub(super) const SMALL: TextStyle =
    TextStyle { size: 11.0, bold: false, colour: INK, align: Align::Start, upwards: false };

/// Text that names something.
pub(super) const NORMAL: TextStyle = TextStyle { size: 12.5, ..SMALL };

/// Text above a panel.
pub(super) const HEADING: TextStyle = TextStyle { size: 14.0, bold: true, ..SMALL };

impl TextStyle {
    pub(super) fn align(self, align: Align) -> Self {
        Self { align, ..self }
    }

    pub(super) fn upwards(self) -> Self {
        Self { upwards: true, ..self }
    }

    /// How far below the middle of a line of text its baseline is, in points.
    pub(super) fn baseline(self) -> f64 {
        self.size * CAP_HEIGHT / 2.0
    }
}

impl Picture {
    pub(super) fn new(width: f64, height: f64) -> Self {
        Self { width, height, shapes: Vec::new() }
    }

    pub(super) fn rectangle(
        &mut self,
        upper_left: Position,
        lower_right: Position,
        colour: RGBColor,
    ) {
        self.shapes.push(Shape::Rectangle { upper_left, lower_right, colour });
    }

    pub(super) fn disc(&mut self, centre: Position, radius: f64, colour: RGBColor) {
        self.shapes.push(Shape::Disc { centre, radius, colour });
    }

    pub(super) fn line(&mut self, points: Vec<Position>, width: f64, colour: RGBColor) {
        self.shapes.push(Shape::Line { points, width, colour });
    }

    /// Draws a line as dashes; `points` are the two ends.
    pub(super) fn dashes(&mut self, points: [Position; 2], width: f64, colour: RGBColor) {
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
    pub(super) fn text(&mut self, text: impl Into<String>, position: Position, style: TextStyle) {
        self.shapes.push(Shape::Text {
            text: text.into().replace(char::is_control, " "),
            position,
            style,
        });
    }
}
