//! Loss and error over the epochs of a run, for the training and the test data.
//!
//! Both are on logarithmic axes, because the difference between 2 % and 1 % of errors is as much
//! work as that between 20 % and 10 %, and a linear axis would hide it.
//!
//! Not here: smoothing. What was measured is what is drawn.

use std::path::Path;

use plotters::style::RGBColor;

use super::axes::{Axis, Panel};
use super::font::text_width;
use super::palette::{BLUE, VERMILION};
use super::picture::{Align, HEADING, Picture, Position, SMALL};
use crate::TrainError;

/// What was measured after an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochPoint {
    /// Number of completed epochs.
    pub epoch: u32,
    /// Mean loss of a training sample.
    pub train_loss: f64,
    /// Mean loss of a test sample.
    pub test_loss: f64,
    /// Share of the training samples classified rightly, in [0, 1].
    pub train_accuracy: f64,
    /// Share of the test samples classified rightly, in [0, 1].
    pub test_accuracy: f64,
}

/// A named line of the figure: (epoch, quantity).
struct Series {
    name: &'static str,
    colour: RGBColor,
    points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 920.0;
const HEIGHT: f64 = 380.0;

/// With fewer epochs than this, each one is marked.
const MARKED: usize = 31;

/// Draws the loss (left) and the share of errors (right) of each epoch.
///
/// A quantity that is not finite leaves a gap; one that is 0 has no place on a logarithmic axis and
/// is drawn on the lower edge, which is then marked as 0.
///
/// # Errors
///
/// [`TrainError::EmptyFigure`] without a single epoch; [`TrainError::FigureFormat`] if `path` does
/// not end in `.svg` or `.png`; [`TrainError::Write`] if it cannot be written.
pub fn training_curves(path: &Path, epochs: &[EpochPoint]) -> Result<(), TrainError> {
    if epochs.is_empty() {
        return Err(TrainError::EmptyFigure { missing: "no epoch has been completed" });
    }
    let series = |train: fn(&EpochPoint) -> f64, test: fn(&EpochPoint) -> f64| {
        let points = |quantity: fn(&EpochPoint) -> f64| {
            epochs.iter().map(|point| (f64::from(point.epoch), quantity(point))).collect()
        };
        [
            Series { name: "train", colour: BLUE, points: points(train) },
            Series { name: "test", colour: VERMILION, points: points(test) },
        ]
    };
    let losses = series(|point| point.train_loss, |point| point.test_loss);
    let errors = series(
        |point| 100.0 * (1.0 - point.train_accuracy),
        |point| 100.0 * (1.0 - point.test_accuracy),
    );

    let mut picture = Picture::new(WIDTH, HEIGHT);
    draw_panel(&mut picture, (72.0, 446.0), ("Loss", "mean loss of a sample"), "", &losses)?;
    draw_panel(&mut picture, (532.0, 906.0), ("Error", "wrong answers (%)"), " %", &errors)?;
    picture.save(path)
}

fn draw_panel(
    picture: &mut Picture,
    (left, right): (f64, f64),
    (heading, label): (&str, &str),
    unit: &str,
    series: &[Series],
) -> Result<(), TrainError> {
    const TOP: f64 = 44.0;
    const BOTTOM: f64 = HEIGHT - 52.0;
    let epochs = series.iter().flat_map(|series| series.points.iter().map(|point| point.0));
    let panel = Panel {
        upper_left: (left, TOP),
        lower_right: (right, BOTTOM),
        x: Axis::with_step((0.0, epochs.fold(1.0, f64::max)), 1.0, "epoch"),
        y: Axis::logarithmic(range(series), label),
    };
    picture.text(heading, (left, TOP - 14.0), HEADING);
    panel.draw_grid(picture);
    panel.draw_frame(picture);
    panel.draw_x_label(picture);
    panel.draw_y_label(picture, 50.0);
    if has_zero(series) {
        let position = (left - 7.0, BOTTOM + SMALL.baseline());
        picture.text("0", position, SMALL.align(Align::End));
    }
    for series in series {
        draw_series(picture, &panel, series);
    }
    draw_legend(picture, (right, TOP - 14.0), unit, series)
}

/// A range that holds every positive quantity, with room above and below.
///
/// A quantity of 0 is drawn on the lower edge, which is then marked as 0, well below the others.
fn range(series: &[Series]) -> (f64, f64) {
    const ROOM: f64 = 1.3;
    let positive = quantities(series).filter(|quantity| quantity.is_finite() && *quantity > 0.0);
    let (low, high) = positive.fold((f64::INFINITY, 0.0_f64), |(low, high), quantity| {
        (low.min(quantity), high.max(quantity))
    });
    if low > high {
        (0.1, 1.0)
    } else if has_zero(series) {
        (0.65 * 10_f64.powf(low.log10().floor()), high * ROOM)
    } else {
        (low / ROOM, high * ROOM)
    }
}

fn has_zero(series: &[Series]) -> bool {
    quantities(series).any(|quantity| quantity <= 0.0)
}

fn quantities(series: &[Series]) -> impl Iterator<Item = f64> {
    series.iter().flat_map(|series| series.points.iter().map(|point| point.1))
}

fn draw_series(picture: &mut Picture, panel: &Panel, series: &Series) {
    let few = series.points.len() < MARKED;
    for run in series.points.split(|point| !point.1.is_finite()) {
        let places: Vec<Position> = run.iter().map(|point| panel.at(point.0, point.1)).collect();
        if few || places.len() == 1 {
            for &place in &places {
                picture.disc(place, 2.5, series.colour);
            }
        }
        picture.line(places, 1.75, series.colour);
    }
}

/// Names the lines with their last quantities, above the panel, to the left of `right`.
fn draw_legend(
    picture: &mut Picture,
    (right, baseline): Position,
    unit: &str,
    series: &[Series],
) -> Result<(), TrainError> {
    let mut right = right;
    for Series { name, colour, points } in series.iter().rev() {
        let value = points.last().map_or(f64::NAN, |point| point.1);
        let entry = format!("{name} {}{unit}", two_digits(value));
        let left = right - text_width(&entry, SMALL)?;
        picture.text(entry, (left, baseline), SMALL);
        let middle = baseline - SMALL.baseline();
        picture.line(vec![(left - 26.0, middle), (left - 6.0, middle)], 2.5, *colour);
        right = left - 44.0;
    }
    Ok(())
}

/// A quantity with two digits that count: more would not come again in another run.
fn two_digits(quantity: f64) -> String {
    match quantity.abs() {
        size if size == 0.0 || !size.is_finite() => quantity.to_string(),
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

    fn point(epoch: u32, loss: f64, accuracy: f64) -> EpochPoint {
        EpochPoint {
            epoch,
            train_loss: loss,
            test_loss: 1.1 * loss,
            train_accuracy: accuracy,
            test_accuracy: accuracy - 0.01,
        }
    }

    #[track_caller]
    fn check_drawn(epochs: &[EpochPoint]) {
        let folder = tempfile::tempdir().unwrap();
        for name in ["curves.svg", "curves.png"] {
            let path = folder.path().join(name);
            training_curves(&path, epochs).unwrap();
            assert!(std::fs::metadata(&path).unwrap().len() > 1000);
        }
    }

    #[test]
    fn a_run_is_drawn_however_it_went() {
        check_drawn(&[point(1, 0.7, 0.5), point(2, 0.3, 0.8)]);
        check_drawn(&[point(1, 0.7, 0.5)]);
        check_drawn(&[point(1, 0.0, 1.0), point(2, 0.0, 1.0)]);
        check_drawn(&[point(1, 0.7, 0.5), point(2, f64::NAN, 0.3), point(u32::MAX, 1e300, 0.3)]);
    }

    #[test]
    fn a_run_without_an_epoch_is_an_empty_figure() {
        let error = training_curves(Path::new("curves.svg"), &[]).unwrap_err();
        assert!(matches!(error, TrainError::EmptyFigure { .. }));
    }

    #[test]
    fn another_ending_is_refused_by_name() {
        let error = training_curves(Path::new("curves.pdf"), &[point(1, 1.0, 0.5)]).unwrap_err();
        assert!(error.to_string().contains("curves.pdf"));
    }

    #[test]
    fn numbers_are_shown_with_two_digits() {
        let shown = [97.3, 12.34, 1.234, 0.1234, 0.0512, 3e-5, 0.0].map(two_digits);
        assert_eq!(shown, ["97", "12", "1.2", "0.12", "0.051", "3.0e-5", "0"]);
    }
}
