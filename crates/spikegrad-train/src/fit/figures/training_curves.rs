//! Loss and error over the epochs of a run, for the training and the test data.
//!
//! Both are on logarithmic axes, because the difference between 2 % and 1 % of errors is as much
//! work as that between 20 % and 10 %, and a linear axis would hide it.
//!
//! Not here: smoothing. What was measured is what is drawn.

use spikegrad_report::ReportError;
use spikegrad_report::plot::Picture;
use spikegrad_report::plot::palette::{BLUE, VERMILION};

use super::series::{Place, Quantity, Series, Vertical, draw_panel};
use crate::EpochRecord;

const WIDTH: f64 = 920.0;
const HEIGHT: f64 = 380.0;

/// Draws the loss (left) and the share of errors (right) of each epoch.
///
/// A quantity that is not finite leaves a gap; one that is 0 has no place on a logarithmic axis and
/// is drawn on the lower edge, which is then marked as 0.
///
/// # Errors
///
/// [`ReportError::EmptyFigure`] without a single epoch.
pub(super) fn training_curves(epochs: &[EpochRecord]) -> Result<Picture, ReportError> {
    if epochs.is_empty() {
        return Err(ReportError::EmptyFigure { missing: "no epoch has been completed" });
    }
    let series = |train: fn(&EpochRecord) -> f64, test: fn(&EpochRecord) -> f64| {
        let points = |quantity: fn(&EpochRecord) -> f64| {
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
        draw_panel(&mut picture, place, &quantity, &series);
    }
    Ok(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(epoch: u32, loss: f64, accuracy: f64) -> EpochRecord {
        EpochRecord {
            epoch,
            train_loss: loss,
            test_loss: 1.1 * loss,
            train_accuracy: accuracy,
            test_accuracy: accuracy - 0.01,
            ..EpochRecord::default()
        }
    }

    #[test]
    fn a_run_is_drawn_however_it_went() {
        for epochs in [
            &[record(1, 0.7, 0.5), record(2, 0.3, 0.8)][..],
            &[record(1, 0.7, 0.5)],
            &[record(1, 0.0, 1.0), record(2, 0.0, 1.0)],
            &[record(1, 0.7, 0.5), record(2, f64::NAN, 0.3), record(u32::MAX, 1e300, 0.3)],
        ] {
            let svg = training_curves(epochs).unwrap().to_svg();
            assert!(svg.contains("mean loss of a sample") && !svg.contains("NaN"));
        }
    }

    #[test]
    fn a_run_without_an_epoch_is_an_empty_figure() {
        assert!(matches!(training_curves(&[]), Err(ReportError::EmptyFigure { .. })));
    }
}
