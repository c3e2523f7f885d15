//! Loss and error over the epochs of a run, for the training and the test data.
//!
//! Both are on logarithmic axes, because the difference between 2 % and 1 % of errors is as much
//! work as that between 20 % and 10 %, and a linear axis would hide it.
//!
//! Not here: smoothing. What was measured is what is drawn.

use std::path::Path;

use super::palette::{BLUE, VERMILION};
use super::picture::Picture;
use super::series::{Place, Quantity, Series, Vertical, draw_panel};
use crate::ReportError;

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

const WIDTH: f64 = 920.0;
const HEIGHT: f64 = 380.0;

/// Draws the loss (left) and the share of errors (right) of each epoch.
///
/// A quantity that is not finite leaves a gap; one that is 0 has no place on a logarithmic axis and
/// is drawn on the lower edge, which is then marked as 0.
///
/// # Errors
///
/// [`ReportError::EmptyFigure`] without a single epoch; [`ReportError::FigureFormat`] if `path` does
/// not end in `.svg` or `.png`; [`ReportError::Write`] if it cannot be written.
pub fn training_curves(path: &Path, epochs: &[EpochPoint]) -> Result<(), ReportError> {
    picture(epochs)?.save(path)
}

/// Returns the SVG that [`training_curves()`] would write.
///
/// # Errors
///
/// [`ReportError::EmptyFigure`] without a single epoch.
pub fn training_curves_svg(epochs: &[EpochPoint]) -> Result<String, ReportError> {
    picture(epochs)?.to_svg()
}

fn picture(epochs: &[EpochPoint]) -> Result<Picture, ReportError> {
    if epochs.is_empty() {
        return Err(ReportError::EmptyFigure { missing: "no epoch has been completed" });
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

    let scale = Vertical::LogarithmicAboveZero;
    let loss = Quantity { heading: "Loss", label: "mean loss of a sample", unit: "", scale };
    let error = Quantity { heading: "Error", label: "wrong answers (%)", unit: " %", scale };
    let mut picture = Picture::new(WIDTH, HEIGHT);
    for (left, right, quantity, series) in
        [(72.0, 446.0, loss, losses), (526.0, 900.0, error, errors)]
    {
        let place = Place {
            upper_left: (left, 44.0),
            lower_right: (right, HEIGHT - 52.0),
            heading: 14.0,
            legend: 14.0,
        };
        draw_panel(&mut picture, place, &quantity, &series)?;
    }
    Ok(picture)
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
        assert!(matches!(error, ReportError::EmptyFigure { .. }));
    }

    #[test]
    fn another_ending_is_refused_by_name() {
        let error = training_curves(Path::new("curves.pdf"), &[point(1, 1.0, 0.5)]).unwrap_err();
        assert!(error.to_string().contains("curves.pdf"));
    }
}
