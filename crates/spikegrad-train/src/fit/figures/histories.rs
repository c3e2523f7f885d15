//! How a run felt from inside: gradients, the slope at spikes, and the activity of hidden neurons,
//! over the epochs.
//!
//! A gradient grows without bound as a spike comes to graze the threshold, and a neuron that has
//! fallen silent has no gradient at all: these are the quantities in which either is seen coming.
//!
//! Not here: what was learned (`training_curves.rs`).

use spikegrad_report::ReportError;
use spikegrad_report::plot::Picture;
use spikegrad_report::plot::palette::{GREEN, INK, ORANGE, PURPLE};

use super::series::{Place, Quantity, Series, Vertical, draw_panel};
use crate::EpochRecord;

const WIDTH: f64 = 920.0;
const HEIGHT: f64 = 604.0;

/// Draws the norm of the gradient and the smallest slope (above), the hidden spikes and the share
/// of silent hidden neurons (below) of each epoch.
///
/// What is not finite, and on the logarithmic axes of the upper panels also what is not above 0,
/// leaves a gap. The push has a line only if there ever was one.
///
/// # Errors
///
/// [`ReportError::EmptyFigure`] without a single epoch.
pub(super) fn histories(epochs: &[EpochRecord]) -> Result<Picture, ReportError> {
    if epochs.is_empty() {
        return Err(ReportError::EmptyFigure { missing: "no epoch has been completed" });
    }
    let line = |name, colour, quantity: fn(&EpochRecord) -> f64| {
        let points = epochs.iter().map(|point| (f64::from(point.epoch), quantity(point)));
        Series { name, colour, points: points.collect() }
    };
    let mut gradient = vec![
        line("mean", GREEN, |point| point.gradient_norm),
        line("largest", PURPLE, |point| point.largest_gradient_norm),
    ];
    if epochs.iter().any(|point| point.push_norm > 0.0) {
        gradient.push(line("push", ORANGE, |point| point.push_norm));
    }
    // A line that is alone in its panel needs no colour, and those of the other panels and figures mean something else.
    let slope = line("last", INK, |point| point.smallest_slope.unwrap_or(f64::NAN));
    let spikes = line("last", INK, |point| point.hidden_spikes_per_sample);
    let silent = line("last", INK, |point| 100.0 * point.silent_hidden);

    let mut picture = Picture::new(WIDTH, HEIGHT);
    let (left, right) = ((72.0, 446.0), (526.0, 900.0));
    let (above, below) = ((58.0, 250.0), (360.0, 552.0));
    for (columns, rows, quantity, series) in [
        (
            left,
            above,
            Quantity {
                heading: "Gradient of a batch",
                label: "Euclidean norm",
                unit: "",
                scale: Vertical::Logarithmic,
            },
            gradient,
        ),
        (
            right,
            above,
            Quantity {
                heading: "Smallest slope at a spike",
                label: "dV/dt (1/s)",
                unit: "",
                scale: Vertical::Logarithmic,
            },
            vec![slope],
        ),
        (
            left,
            below,
            Quantity {
                heading: "Activity of the hidden neurons",
                label: "spikes a sample",
                unit: "",
                scale: Vertical::Linear { at_least: 1.0 },
            },
            vec![spikes],
        ),
        (
            right,
            below,
            Quantity {
                heading: "Silent hidden neurons",
                label: "silent (%)",
                unit: " %",
                scale: Vertical::Linear { at_least: 1.0 },
            },
            vec![silent],
        ),
    ] {
        let place = Place {
            upper_left: (columns.0, rows.0),
            lower_right: (columns.1, rows.1),
            heading: 29.0,
            legend: 9.0,
        };
        draw_panel(&mut picture, place, &quantity, &series);
    }
    Ok(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(epoch: u32, size: f64) -> EpochRecord {
        EpochRecord {
            epoch,
            gradient_norm: size,
            largest_gradient_norm: 5.0 * size,
            smallest_slope: Some(20.0 / size),
            hidden_spikes_per_sample: 40.0 * size,
            silent_hidden: 0.1,
            ..EpochRecord::default()
        }
    }

    #[test]
    fn a_run_is_drawn_however_it_went() {
        let nothing = EpochRecord { smallest_slope: None, ..point(1, 0.0) };
        let broken = EpochRecord { smallest_slope: Some(f64::NAN), ..point(2, f64::INFINITY) };
        let long: Vec<_> = (1..=1000).map(|epoch| point(epoch, 1.0 / f64::from(epoch))).collect();
        let some = vec![point(1, 0.3), broken, nothing.clone()];
        for epochs in [vec![point(1, 0.3)], vec![nothing], some, long] {
            let svg = histories(&epochs).unwrap().to_svg();
            assert!(svg.contains("Smallest slope") && !svg.contains("NaN"));
        }
        assert!(matches!(histories(&[]), Err(ReportError::EmptyFigure { .. })));
    }

    #[test]
    fn a_push_has_a_line_only_if_there_was_one() {
        let with = EpochRecord { push_norm: 0.02, ..point(2, 0.2) };
        assert!(!histories(&[point(1, 0.3)]).unwrap().to_svg().contains("push"));
        assert!(histories(&[point(1, 0.3), with]).unwrap().to_svg().contains("push 0.020"));
    }
}
