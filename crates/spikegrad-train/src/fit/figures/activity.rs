//! How the hidden layers are used: how often each neuron spikes, and when.
//!
//! A row for each layer, on common horizontal axes: on the left how many of its neurons spike how
//! often, on the right how its spikes are spread over time. Shares instead of counts, so that
//! layers of different sizes can be compared.
//!
//! Not here: single spikes, and the change over the epochs (`histories.rs`).

use spikegrad_report::ReportError;
use spikegrad_report::plot::palette::{Colour, FRAME, SERIES};
use spikegrad_report::plot::{
    Align, Axis, HEADING, NORMAL, Panel, Picture, SMALL, TextStyle, approximate, shortened,
};

/// The spikes of the hidden layers in some samples.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Activity {
    /// The hidden layers, the first one above.
    pub(super) layers: Vec<LayerActivity>,
    /// End of a sample in s.
    pub(super) t_end: f64,
}

/// The spikes of a layer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LayerActivity {
    /// Name of the layer.
    pub(super) name: String,
    /// Mean number of spikes in a sample, of each neuron.
    pub(super) mean_spikes: Vec<f64>,
    /// Number of spikes in each of as many equal parts of the time from 0 to `t_end`.
    pub(super) time_histogram: Vec<u64>,
}

const WIDTH: f64 = 920.0;
const LEFT: (f64, f64) = (72.0, 446.0);
const RIGHT: (f64, f64) = (526.0, 900.0);
const HEAD: f64 = 34.0;
/// Room above a panel for the name of its layer.
const CAPTION: f64 = 26.0;
const FOOT: f64 = 54.0;
const HIGHEST_ROW: f64 = 220.0;
/// All rows together are not higher than this, but for their captions.
const HIGHEST_SECTION: f64 = 1000.0;
const LONGEST_NAME: f64 = 150.0;

/// Parts of the axis of mean spikes.
const PARTS: usize = 30;

/// A bar: (share of the axis at which it starts, at which it ends, height in %).
type Bar = (f64, f64, f64);

/// Draws, for each layer, the distribution of the mean spikes of its neurons (left; silent neurons
/// in grey) and of the times of its spikes (right).
///
/// A neuron whose mean is negative or not finite is left out.
///
/// # Errors
///
/// [`ReportError::EmptyFigure`] if there is no layer, or `t_end` is not above 0.
pub(super) fn activity(Activity { layers, t_end }: &Activity) -> Result<Picture, ReportError> {
    if layers.is_empty() {
        return Err(ReportError::EmptyFigure { missing: "there is no hidden layer" });
    }
    if !(t_end.is_finite() && *t_end > 0.0) {
        return Err(ReportError::EmptyFigure { missing: "the end of time is not above 0" });
    }
    let height = (HIGHEST_SECTION / approximate(layers.len())).min(HIGHEST_ROW);
    let rows = (height + CAPTION) * approximate(layers.len());
    let mut picture = Picture::new(WIDTH, HEAD + rows + FOOT);
    picture.text("How often hidden neurons spike", (LEFT.0, 26.0), HEADING);
    picture.text("When hidden neurons spike", (RIGHT.0, 26.0), HEADING);

    let most = layers.iter().flat_map(means).fold(0.0, f64::max);
    let most = if most > 0.0 { most } else { 1.0 };
    let mut top = HEAD;
    for (index, layer) in layers.iter().enumerate() {
        let colour = SERIES[index % SERIES.len()];
        top += CAPTION;
        let spikes = SpikeBars::of(layer, most);
        let panel = |(left, right), x: Axis, label: &str, bars: &[Bar]| {
            let highest = bars.iter().fold(0.0_f64, |highest, bar| highest.max(bar.2));
            let highest = if highest > 0.0 { 1.08 * highest } else { 100.0 };
            let y = Axis::linear((0.0, highest), label);
            Panel { upper_left: (left, top), lower_right: (right, top + height), x, y }
        };

        let x = Axis::linear((0.0, most), "mean spikes of a neuron in a sample");
        let often = panel(LEFT, x, "neurons (%)", &spikes.bars);
        often.draw_x_grid(&mut picture);
        often.draw_y_grid(&mut picture);
        draw_bars(&mut picture, &often, colour, &spikes.bars);
        draw_bars(&mut picture, &often, FRAME, &spikes.silent_bar);

        let times = time_bars(&layer.time_histogram);
        let x = Axis::linear((0.0, 1e3 * t_end), "time (ms)");
        let when = panel(RIGHT, x, "spikes (%)", &times);
        when.draw_x_grid(&mut picture);
        when.draw_y_grid(&mut picture);
        draw_bars(&mut picture, &when, colour, &times);
        if times.is_empty() {
            let middle = (f64::midpoint(RIGHT.0, RIGHT.1), top + height / 2.0);
            let style = TextStyle { colour: FRAME, ..NORMAL }.align(Align::Middle);
            picture.text("no spike", middle, style);
        }

        let bold = TextStyle { bold: true, colour, ..NORMAL };
        let total: u128 = layer.time_histogram.iter().copied().map(u128::from).sum();
        for (panel, note) in [
            (
                &often,
                format!("{}, {} silent (grey)", counted(spikes.neurons, "neuron"), spikes.silent),
            ),
            (&when, counted(total, "spike")),
        ] {
            panel.draw_frame(&mut picture);
            panel.draw_y_label(&mut picture, 50.0);
            let ((left, _), (right, _)) = (panel.upper_left, panel.lower_right);
            picture.text(shortened(&layer.name, bold, LONGEST_NAME), (left, top - 7.0), bold);
            picture.text(note, (right, top - 7.0), SMALL.align(Align::End));
            if index + 1 == layers.len() {
                panel.draw_x_numbers(&mut picture);
                panel.draw_x_label(&mut picture);
            }
        }
        top += height;
    }
    Ok(picture)
}

/// A layer's neurons by their mean number of spikes.
struct SpikeBars {
    bars: Vec<Bar>,
    /// The part of the first bar that never spikes.
    silent_bar: [Bar; 1],
    neurons: usize,
    silent: usize,
}

impl SpikeBars {
    fn of(layer: &LayerActivity, most: f64) -> Self {
        let mut counts = [0_usize; PARTS];
        let mut silent = 0;
        for mean in means(layer) {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "rounded down on purpose; a mean is not negative"
            )]
            let part = (mean / most * approximate(PARTS)) as usize;
            counts[part.min(PARTS - 1)] += 1;
            silent += usize::from(mean <= 0.0);
        }
        let neurons = means(layer).count();
        let percent = |count| 100.0 * approximate(count) / approximate(neurons.max(1));
        let edge = |part| approximate(part) / approximate(PARTS);
        let bars = counts.into_iter().enumerate();
        Self {
            bars: bars.map(|(part, count)| (edge(part), edge(part + 1), percent(count))).collect(),
            silent_bar: [(0.0, edge(1), percent(silent))],
            neurons,
            silent,
        }
    }
}

/// The means that are means.
fn means(layer: &LayerActivity) -> impl Iterator<Item = f64> {
    layer.mean_spikes.iter().copied().filter(|mean| mean.is_finite() && *mean >= 0.0)
}

/// Shares of all spikes; no bar at all without a spike.
fn time_bars(histogram: &[u64]) -> Vec<Bar> {
    #[expect(clippy::cast_precision_loss, reason = "heights of a figure")]
    let counts: Vec<f64> = histogram.iter().map(|&count| count as f64).collect();
    let total: f64 = counts.iter().sum();
    if total <= 0.0 {
        return Vec::new();
    }
    let edge = |part| approximate(part) / approximate(counts.len());
    let bars = counts.iter().enumerate();
    bars.map(|(part, count)| (edge(part), edge(part + 1), 100.0 * count / total)).collect()
}

fn draw_bars(picture: &mut Picture, panel: &Panel, colour: Colour, bars: &[Bar]) {
    let (low, high) = panel.x.range;
    for &(start, end, percent) in bars.iter().filter(|bar| bar.2 > 0.0) {
        let (left, top) = panel.at(low + start * (high - low), percent);
        let (right, bottom) = panel.at(low + end * (high - low), 0.0);
        // Wide bars stand apart; narrow ones make one silhouette.
        let gap = if right - left > 4.0 { 0.5 } else { 0.0 };
        picture.rectangle((left + gap, top), (right - gap, bottom), colour);
    }
}

fn counted(count: impl std::fmt::Display, thing: &str) -> String {
    match count.to_string().as_str() {
        "1" => format!("1 {thing}"),
        count => format!("{count} {thing}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(mean_spikes: Vec<f64>, time_histogram: Vec<u64>) -> LayerActivity {
        LayerActivity { name: "hidden".to_owned(), mean_spikes, time_histogram }
    }

    fn svg(layers: Vec<LayerActivity>) -> String {
        activity(&Activity { layers, t_end: 0.03 }).unwrap().to_svg()
    }

    #[test]
    fn bars_are_shares_of_neurons_and_of_spikes() {
        let layer = layer(vec![0.0, 0.0, 0.1, 3.0, f64::NAN], vec![0, 1, 3]);
        let SpikeBars { bars, silent_bar: [grey], neurons, silent } = SpikeBars::of(&layer, 3.0);
        assert_eq!((neurons, silent, grey), (4, 2, bars[0]));
        assert_eq!((bars[0].2, bars[1].2, bars[PARTS - 1].2), (50.0, 25.0, 25.0));
        let shares: Vec<f64> = time_bars(&layer.time_histogram).iter().map(|bar| bar.2).collect();
        assert_eq!(shares, [0.0, 25.0, 75.0]);
    }

    #[test]
    fn any_layer_is_drawn() {
        let used = layer(vec![0.5, 2.0], vec![1; 500]);
        let silent = svg(vec![layer(vec![0.0; 3], vec![0; 9])]);
        assert!(silent.contains("3 neurons, 3 silent") && silent.contains("no spike"));
        let odd = [vec![], vec![f64::INFINITY, -1.0, 1e300], vec![5e-324]];
        let odd = odd.map(|means| layer(means, vec![u64::MAX; 2])).into();
        for svg in [silent, svg(odd), svg(vec![used; 60])] {
            assert!(!svg.contains("NaN"));
        }
    }

    #[test]
    fn what_cannot_be_drawn_is_refused() {
        let refused = |layers, t_end| activity(&Activity { layers, t_end }).unwrap_err();
        assert!(matches!(refused(vec![], 1.0), ReportError::EmptyFigure { .. }));
        let one = vec![layer(vec![1.0], vec![1])];
        assert!(matches!(refused(one, 0.0), ReportError::EmptyFigure { .. }));
    }
}
