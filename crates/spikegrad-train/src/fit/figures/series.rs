//! Quantities over the epochs of a run: a panel of named lines, each with its last value above.
//!
//! A quantity that is not finite leaves a gap, so that what was not measured is not drawn.
//!
//! Not here: which quantities (`training_curves.rs`, `histories.rs`), and smoothing.

use spikegrad::dynamics::math;
use spikegrad_report::plot::palette::{Colour, FRAME};
use spikegrad_report::plot::{
    Align, Axis, HEADING, NORMAL, Panel, Picture, Position, SMALL, TextStyle, text_width,
};

/// A named line: (epoch, quantity).
pub(super) struct Series {
    pub(super) name: &'static str,
    pub(super) colour: Colour,
    pub(super) points: Vec<(f64, f64)>,
}

/// What the lines of a panel measure.
pub(super) struct Quantity {
    pub(super) heading: &'static str,
    /// Quantity and unit, beside the axis.
    pub(super) label: &'static str,
    /// Written behind the last values.
    pub(super) unit: &'static str,
    pub(super) scale: Vertical,
}

/// The vertical axis of a panel.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Vertical {
    /// Logarithmic; what is not above 0 is drawn on the lower edge, which is then marked as 0.
    LogarithmicAboveZero,
    /// Logarithmic; what is not above 0 leaves a gap.
    Logarithmic,
    /// From 0 to the largest quantity, or to `at_least`.
    Linear { at_least: f64 },
}

/// Where a panel is, and how far above it its heading and its legend stand.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) upper_left: Position,
    pub(super) lower_right: Position,
    pub(super) heading: f64,
    pub(super) legend: f64,
}

/// With fewer epochs than this, each one is marked.
const MARKED: usize = 31;

/// Draws a panel with all its text.
pub(super) fn draw_panel(
    picture: &mut Picture,
    place: Place,
    quantity: &Quantity,
    series: &[Series],
) {
    let Place { upper_left: (left, top), lower_right: (right, bottom), .. } = place;
    let Quantity { heading, label, unit, scale } = *quantity;
    let epochs = series.iter().flat_map(|series| series.points.iter().map(|point| point.0));
    let y = match scale {
        Vertical::Linear { at_least } => Axis::linear(linear_range(series, at_least), label),
        _ => Axis::logarithmic(logarithmic_range(series, scale), label),
    };
    let panel = Panel {
        upper_left: (left, top),
        lower_right: (right, bottom),
        x: Axis::with_step((0.0, epochs.fold(1.0, f64::max)), 1.0, "epoch"),
        y,
    };
    picture.text(heading, (left, top - place.heading), HEADING);
    panel.draw_grid(picture);
    panel.draw_frame(picture);
    panel.draw_x_label(picture);
    panel.draw_y_label(picture, 50.0);
    if scale == Vertical::LogarithmicAboveZero && has_zero(series) {
        let position = (left - 7.0, bottom + SMALL.baseline());
        picture.text("0", position, SMALL.align(Align::End));
    }
    if !quantities(series).any(|quantity| scale.has(quantity)) {
        let middle = (f64::midpoint(left, right), f64::midpoint(top, bottom));
        let note = if scale == Vertical::Logarithmic { "no value above 0" } else { "no value" };
        picture.text(note, middle, TextStyle { colour: FRAME, ..NORMAL }.align(Align::Middle));
    }
    for series in series {
        draw_line(picture, &panel, scale, series);
    }
    draw_legend(picture, (right, top - place.legend), unit, series);
}

impl Vertical {
    /// Whether there is a place for `quantity`, be it on the edge.
    fn has(self, quantity: f64) -> bool {
        quantity.is_finite() && (quantity > 0.0 || self != Self::Logarithmic)
    }
}

/// A range that holds every positive quantity, with room above and below.
///
/// If there is an edge for 0, it is well below the others.
fn logarithmic_range(series: &[Series], scale: Vertical) -> (f64, f64) {
    const ROOM: f64 = 1.3;
    let positive = quantities(series).filter(|quantity| quantity.is_finite() && *quantity > 0.0);
    let (low, high) = positive.fold((f64::INFINITY, 0.0_f64), |(low, high), quantity| {
        (low.min(quantity), high.max(quantity))
    });
    if low > high {
        (0.1, 1.0)
    } else if scale == Vertical::LogarithmicAboveZero && has_zero(series) {
        (0.65 * math::pow(10.0, math::log10(low).floor()), high * ROOM)
    } else {
        (low / ROOM, high * ROOM)
    }
}

fn linear_range(series: &[Series], at_least: f64) -> (f64, f64) {
    const ROOM: f64 = 1.1;
    let finite = quantities(series).filter(|quantity| quantity.is_finite());
    (0.0, finite.fold(at_least, |high, quantity| high.max(ROOM * quantity)))
}

fn has_zero(series: &[Series]) -> bool {
    quantities(series).any(|quantity| quantity <= 0.0)
}

fn quantities(series: &[Series]) -> impl Iterator<Item = f64> {
    series.iter().flat_map(|series| series.points.iter().map(|point| point.1))
}

fn draw_line(picture: &mut Picture, panel: &Panel, scale: Vertical, series: &Series) {
    let few = series.points.len() < MARKED;
    let radius = if few { 2.5 } else { 1.5 };
    for run in series.points.split(|point| !scale.has(point.1)) {
        let places: Vec<Position> = run.iter().map(|point| panel.at(point.0, point.1)).collect();
        if few || places.len() == 1 {
            for &place in &places {
                picture.disc(place, radius, series.colour);
            }
        }
        picture.line(places, 1.75, series.colour);
    }
}

/// Names the lines with their last quantities, above the panel, to the left of `right`.
fn draw_legend(picture: &mut Picture, (right, baseline): Position, unit: &str, series: &[Series]) {
    let mut right = right;
    for Series { name, colour, points } in series.iter().rev() {
        let value = points.last().map_or(f64::NAN, |point| point.1);
        let entry = match value.is_nan() {
            true => format!("{name} –"),
            false => format!("{name} {}{unit}", two_digits(value)),
        };
        let left = right - text_width(&entry, SMALL);
        picture.text(entry, (left, baseline), SMALL);
        let middle = baseline - SMALL.baseline();
        picture.line(vec![(left - 26.0, middle), (left - 6.0, middle)], 2.5, *colour);
        right = left - 44.0;
    }
}

/// A quantity with two digits that count: more would not come again in another run.
fn two_digits(quantity: f64) -> String {
    match quantity.abs() {
        size if size == 0.0 || !size.is_finite() => quantity.to_string(),
        size if size >= 1e5 => format!("{quantity:.1e}"),
        size if size >= 9.95 => format!("{quantity:.0}"),
        size if size >= 0.995 => format!("{quantity:.1}"),
        size if size >= 0.0995 => format!("{quantity:.2}"),
        size if size >= 0.00995 => format!("{quantity:.3}"),
        _ => format!("{quantity:.1e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spikegrad_report::plot::Shape;
    use spikegrad_report::plot::palette::BLUE;

    /// Numbers of points of the lines that are drawn for `quantities` on a sheet of their own.
    fn runs(scale: Vertical, quantities: &[f64]) -> Vec<usize> {
        let points = (1..).map(f64::from).zip(quantities.iter().copied()).collect();
        let series = Series { name: "", colour: BLUE, points };
        let panel = Panel {
            upper_left: (0.0, 0.0),
            lower_right: (100.0, 100.0),
            x: Axis::linear((0.0, 10.0), ""),
            y: Axis::logarithmic((0.1, 1.0), ""),
        };
        let mut picture = Picture::new(100.0, 100.0);
        draw_line(&mut picture, &panel, scale, &series);
        let lines = picture.shapes.iter().filter_map(|shape| match shape {
            Shape::Line { points, .. } if !points.is_empty() => Some(points.len()),
            _ => None,
        });
        lines.collect()
    }

    #[test]
    fn what_has_no_place_leaves_a_gap() {
        let quantities = [0.5, 0.6, 0.0, 0.7, f64::NAN, 0.8, 0.9, 0.8];
        assert_eq!(runs(Vertical::Logarithmic, &quantities), [2, 1, 3]);
        assert_eq!(runs(Vertical::LogarithmicAboveZero, &quantities), [4, 3]);
        assert_eq!(runs(Vertical::Linear { at_least: 1.0 }, &quantities), [4, 3]);
        assert_eq!(runs(Vertical::Logarithmic, &[]), [0; 0]);
    }

    #[test]
    fn numbers_are_shown_with_two_digits() {
        let shown = [1e300, 97.3, 12.34, 1.234, 0.1234, 0.0512, 3e-5, 0.0].map(two_digits);
        assert_eq!(shown, ["1.0e300", "97", "12", "1.2", "0.12", "0.051", "3.0e-5", "0"]);
    }
}
