//! A panel: a rectangle of the picture in which positions mean quantities.
//!
//! Ticks are at round numbers (1, 2 or 5 times a power of ten), so that a reader can interpolate;
//! a logarithmic axis says so by the unequal distances of its grid lines.
//!
//! Not here: what is drawn into a panel.

use super::palette::{Colour, FAINT_GRID, FRAME, GRID};
use super::picture::{Align, NORMAL, Picture, Position, SMALL};

/// One direction of a panel.
#[derive(Clone, Debug)]
pub struct Axis {
    /// Quantity at the start (left or bottom) and at the end.
    pub range: (f64, f64),
    /// What equal distances are.
    pub scale: Scale,
    /// Quantity and unit.
    pub label: String,
}

/// What equal distances on an axis are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// Equal differences.
    Linear {
        /// Ticks are not closer than this.
        smallest_step: f64,
    },
    /// Equal factors.
    Logarithmic,
}

/// More ticks than any axis has.
const MOST_TICKS: u32 = 100;

/// A rectangle of the picture with two axes.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Upper left corner.
    pub upper_left: Position,
    /// Lower right corner.
    pub lower_right: Position,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
}

/// A marked quantity.
#[derive(Clone, Debug, PartialEq)]
struct Tick {
    value: f64,
    /// `None` for a grid line without a number.
    label: Option<String>,
}

impl Axis {
    /// An axis on which equal distances are equal differences.
    #[must_use]
    pub fn linear(range: (f64, f64), label: &str) -> Self {
        Self { range, scale: Scale::Linear { smallest_step: 0.0 }, label: label.to_owned() }
    }

    /// An axis whose ticks are not closer than `smallest_step`.
    #[must_use]
    pub fn with_step(range: (f64, f64), smallest_step: f64, label: &str) -> Self {
        Self { scale: Scale::Linear { smallest_step }, ..Self::linear(range, label) }
    }

    /// A logarithmic axis; both ends of its range must be above 0.
    #[must_use]
    pub fn logarithmic(range: (f64, f64), label: &str) -> Self {
        Self { scale: Scale::Logarithmic, ..Self::linear(range, label) }
    }

    /// Where `value` is, from 0 at the start of the axis to 1 at its end, and never beyond.
    fn share(&self, value: f64) -> f64 {
        let (start, end) = self.range;
        let share = match self.scale {
            Scale::Linear { .. } => (value - start) / (end - start),
            Scale::Logarithmic => libm::log(value / start) / libm::log(end / start),
        };
        if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) }
    }

    fn ticks(&self, at_most: f64) -> Vec<Tick> {
        match self.scale {
            Scale::Linear { smallest_step } => linear_ticks(self.range, at_most, smallest_step),
            Scale::Logarithmic => {
                let ticks = logarithmic_ticks(self.range);
                // A short axis may lie between two powers: a single number says nothing.
                let labelled = ticks.iter().filter(|tick| tick.label.is_some()).count();
                if labelled > 1 { ticks } else { linear_ticks(self.range, at_most, 0.0) }
            }
        }
    }
}

impl Panel {
    /// The place of a pair of quantities; what lies outside the ranges is drawn on the frame.
    #[must_use]
    pub fn at(&self, x: f64, y: f64) -> Position {
        let ((left, top), (right, bottom)) = (self.upper_left, self.lower_right);
        let (x, y) = (self.x.share(x), self.y.share(y));
        (left + x * (right - left), bottom - y * (bottom - top))
    }

    /// Draws grid lines with their numbers, to be painted over by the data.
    pub fn draw_grid(&self, picture: &mut Picture) {
        self.draw_x_grid(picture);
        self.draw_x_numbers(picture);
        self.draw_y_grid(picture);
    }

    /// Draws the grid lines of the vertical axis with their numbers.
    pub fn draw_y_grid(&self, picture: &mut Picture) {
        let ((left, top), (right, bottom)) = (self.upper_left, self.lower_right);
        for tick in self.y.ticks((bottom - top) / 32.0) {
            let (_, y) = self.at(self.x.range.0, tick.value);
            picture.line(vec![(left, y), (right, y)], 0.75, tick.colour());
            if let Some(label) = tick.label {
                let position = (left - 7.0, y + SMALL.baseline());
                picture.text(label, position, SMALL.align(Align::End));
            }
        }
    }

    /// Draws the grid lines of the horizontal axis alone.
    pub fn draw_x_grid(&self, picture: &mut Picture) {
        for tick in self.x_ticks() {
            let (x, _) = self.at(tick.value, self.y.range.0);
            let line = vec![(x, self.upper_left.1), (x, self.lower_right.1)];
            picture.line(line, 0.75, tick.colour());
        }
    }

    /// Writes the numbers of the horizontal axis below the panel.
    pub fn draw_x_numbers(&self, picture: &mut Picture) {
        for tick in self.x_ticks() {
            let (x, _) = self.at(tick.value, self.y.range.0);
            if let Some(label) = tick.label {
                let position = (x, self.lower_right.1 + 16.0);
                picture.text(label, position, SMALL.align(Align::Middle));
            }
        }
    }

    fn x_ticks(&self) -> Vec<Tick> {
        self.x.ticks((self.lower_right.0 - self.upper_left.0) / 55.0)
    }

    /// Draws the frame, over the data that touch it.
    pub fn draw_frame(&self, picture: &mut Picture) {
        let ((left, top), (right, bottom)) = (self.upper_left, self.lower_right);
        let corners = vec![(left, top), (right, top), (right, bottom), (left, bottom), (left, top)];
        picture.line(corners, 1.0, FRAME);
    }

    /// Names the horizontal axis, below its numbers.
    pub fn draw_x_label(&self, picture: &mut Picture) {
        let middle = f64::midpoint(self.upper_left.0, self.lower_right.0);
        let position = (middle, self.lower_right.1 + 36.0);
        picture.text(self.x.label.as_str(), position, NORMAL.align(Align::Middle));
    }

    /// Names the vertical axis, `distance` points to the left of the panel.
    pub fn draw_y_label(&self, picture: &mut Picture, distance: f64) {
        let middle = f64::midpoint(self.upper_left.1, self.lower_right.1);
        let position = (self.upper_left.0 - distance, middle);
        picture.text(self.y.label.as_str(), position, NORMAL.align(Align::Middle).upwards());
    }
}

impl Tick {
    fn colour(&self) -> Colour {
        if self.label.is_some() { GRID } else { FAINT_GRID }
    }
}

fn linear_ticks((start, end): (f64, f64), at_most: f64, smallest_step: f64) -> Vec<Tick> {
    let rough = ((end - start) / at_most).max(smallest_step);
    let power = libm::log10(rough).floor();
    let unit = libm::exp10(power);
    // Rounding must not push a step of exactly one unit to two.
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * unit).into_iter();
    let step = step.clone().find(|step| *step >= rough * (1.0 - 1e-9)).unwrap_or(10.0 * unit);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of digits; the cast saturates"
    )]
    let decimals = (-libm::log10(step).floor()).max(0.0) as usize;

    // A tick at the very end belongs to the axis, even if rounding has moved it a little.
    let slack = 1e-9 * step;
    let first = ((start - slack) / step).ceil();
    // Counted, because adding 1 to a very large index may leave it where it was.
    let indices = (0..MOST_TICKS).map(|k| first + f64::from(k));
    // Adding zero turns −0 into 0.
    let values = indices.map(|index| index * step + 0.0).take_while(|value| *value <= end + slack);
    let largest = start.abs().max(end.abs());
    let label = |value: f64| match largest >= LONG_NUMBER {
        true => scientific(value, largest, step),
        false => signed(value, decimals),
    };
    values.map(|value| Tick { value, label: Some(label(value)) }).collect()
}

/// From here on numbers are written with a power of ten: all zeros of 10³⁰⁰ would be wider than the figure.
const LONG_NUMBER: f64 = 1e6;

/// A number as a few digits times a power of ten: as many digits as tell ticks of this step apart.
fn scientific(value: f64, largest: f64, step: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of digits, which a double has 17 of"
    )]
    let digits =
        (libm::log10(largest).floor() - libm::log10(step).floor()).clamp(0.0, 16.0) as usize;
    if value == 0.0 { "0".to_owned() } else { format!("{value:.digits$e}").replace('-', "−") }
}

/// A count of cells, rows or neurons, as a length.
#[expect(clippy::cast_precision_loss, reason = "a figure has not as many as that")]
#[must_use]
pub fn approximate(count: usize) -> f64 {
    count as f64
}

/// A number with a minus instead of a hyphen.
fn signed(value: f64, decimals: usize) -> String {
    format!("{value:.decimals$}").replace('-', "−")
}

fn logarithmic_ticks((start, end): (f64, f64)) -> Vec<Tick> {
    let decades = libm::log10(end / start);
    let step = (decades / 8.0).ceil().max(1.0);
    let first = (libm::log10(start) / step).floor() * step;
    let powers = (0..MOST_TICKS).map(|k| first + step * f64::from(k));
    let mut ticks = Vec::new();
    for power in powers.take_while(|power| *power <= libm::log10(end)) {
        for digit in 1..10_u8 {
            let value = f64::from(digit) * libm::exp10(power);
            let inside = value >= start * (1.0 - 1e-9) && value <= end * (1.0 + 1e-9);
            let labelled = match digit {
                1 => true,
                2 | 5 => decades <= 3.0,
                3 | 7 => decades <= 0.7,
                _ => decades <= 0.35,
            };
            if inside && (labelled || decades <= 5.0) {
                ticks.push(Tick { value, label: labelled.then(|| plain_number(value)) });
            }
        }
    }
    ticks
}

/// A tick of a logarithmic axis as one would write it by hand.
fn plain_number(value: f64) -> String {
    // The power of ten was computed, so the last digits may be off.
    let scientific = format!("{value:.0e}");
    match scientific.parse::<f64>() {
        Ok(rounded) if (1e-3..1e5).contains(&rounded) => rounded.to_string(),
        _ => scientific,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_labels(ticks: Vec<Tick>, expected: &[&str]) {
        let labels: Vec<String> = ticks.into_iter().filter_map(|tick| tick.label).collect();
        assert_eq!(labels, expected);
    }

    #[test]
    fn linear_ticks_are_round_and_reach_the_ends() {
        check_labels(
            linear_ticks((0.0, 60.0), 7.0, 0.0),
            &["0", "10", "20", "30", "40", "50", "60"],
        );
        check_labels(linear_ticks((-0.6, 1.1), 4.0, 0.0), &["−0.5", "0.0", "0.5", "1.0"]);
        check_labels(
            linear_ticks((1e-7, 3e-7), 2.0, 0.0),
            &["0.0000001", "0.0000002", "0.0000003"],
        );
    }

    #[test]
    fn large_numbers_are_written_with_a_power_of_ten() {
        check_labels(
            linear_ticks((0.0, 2e300), 4.0, 0.0),
            &["0", "5.0e299", "1.0e300", "1.5e300", "2.0e300"],
        );
        check_labels(
            linear_ticks((0.0, 5e5), 5.0, 0.0),
            &["0", "100000", "200000", "300000", "400000", "500000"],
        );
    }

    #[test]
    fn a_counting_axis_has_no_fractions() {
        check_labels(linear_ticks((0.0, 3.0), 10.0, 1.0), &["0", "1", "2", "3"]);
    }

    #[test]
    fn logarithmic_ticks_are_denser_on_short_axes() {
        check_labels(logarithmic_ticks((0.8, 60.0)), &["1", "2", "5", "10", "20", "50"]);
        check_labels(logarithmic_ticks((1e-4, 1.0)), &["1e-4", "0.001", "0.01", "0.1", "1"]);
        check_labels(logarithmic_ticks((1.9, 4.2)), &["2", "3", "4"]);
        check_labels(
            logarithmic_ticks((1e-30, 1.0)),
            &["1e-28", "1e-24", "1e-20", "1e-16", "1e-12", "1e-8", "1e-4", "1"],
        );
    }

    #[test]
    fn a_logarithmic_axis_without_round_powers_has_linear_ticks() {
        check_labels(Axis::logarithmic((1.1, 1.9), "").ticks(5.0), &["1.2", "1.4", "1.6", "1.8"]);
    }

    #[test]
    fn an_axis_that_doubles_cannot_divide_has_few_ticks() {
        assert!(linear_ticks((1e17, 1e17 + 16.0), 5.0, 0.0).len() <= 100);
    }

    #[test]
    fn places_stay_inside_the_panel() {
        let panel = Panel {
            upper_left: (10.0, 20.0),
            lower_right: (110.0, 220.0),
            x: Axis::linear((0.0, 1.0), ""),
            y: Axis::logarithmic((1.0, 100.0), ""),
        };
        assert_eq!(panel.at(0.5, 10.0), (60.0, 120.0));
        assert_eq!(panel.at(2.0, 0.0), (110.0, 220.0));
        assert_eq!(panel.at(f64::NAN, f64::INFINITY), (10.0, 20.0));
    }
}
