//! Who spiked when: a mark for each spike, one band a population, and voltages below on the same
//! axis of time.
//!
//! A band grows with its population, but slower, so that three outputs below two hundred hidden
//! neurons can still be read.
//!
//! Not here: where voltages come from; they are drawn through the points that are given.

use std::path::Path;

use plotters::style::RGBColor;

use super::axes::{Axis, Panel, approximate};
use super::font::{shortened, text_width};
use super::palette::{INK, SERIES, VERMILION};
use super::picture::{Align, HEADING, NORMAL, Picture, SMALL, TextStyle};
use crate::ReportError;

/// A band of the raster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Population {
    /// Name beside the band.
    pub name: String,
    /// Number of neurons.
    pub size: usize,
}

/// A mark of the raster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spike {
    /// Index of the population.
    pub population: usize,
    /// Index of the neuron in its population.
    pub neuron: usize,
    /// Time in s.
    pub time: f64,
}

/// A curve below the raster.
#[derive(Clone, Debug, PartialEq)]
pub struct VoltageTrace {
    /// Name beside the curve.
    pub label: String,
    /// Threshold, in the unit of the membrane potential; `None` for a neuron that does not spike.
    pub threshold: Option<f64>,
    /// (time in s, membrane potential), in order of time; two points at one time make a jump.
    pub points: Vec<(f64, f64)>,
}

// All lengths are in points.
const WIDTH: f64 = 920.0;
const MARGIN: f64 = 18.0;
const HEADING_HEIGHT: f64 = 36.0;
const GAP: f64 = 9.0;
/// Room below the last panel for the numbers and the name of the axis of time.
const FOOT: f64 = 44.0;
/// Room left of a panel for the numbers of its vertical axis.
const NUMBERS: f64 = 46.0;
/// Longer names are cut.
const LONGEST_NAME: f64 = 170.0;
const SPIKE_WIDTH: f64 = 1.6;
const SHORTEST_SPIKE: f64 = 5.0;
const LONGEST_SPIKE: f64 = 14.0;
const HIGHEST_CURVE: f64 = 86.0;
/// The curves, or the bands, together are not higher than this, but for the gaps between them.
const HIGHEST_SECTION: f64 = 1000.0;

/// Draws the spikes of `populations` from 0 to `t_end` seconds, and `voltages` below them.
///
/// Spikes and voltages at other times are left out.
///
/// # Errors
///
/// [`ReportError::EmptyFigure`] if there is neither a population nor a voltage, or `t_end` is not
/// above 0; [`ReportError::UnknownNeuron`] for a spike that belongs to none of `populations`;
/// [`ReportError::FigureFormat`] if `path` does not end in `.svg` or `.png`; [`ReportError::Write`]
/// if it cannot be written.
pub fn raster(
    path: &Path,
    populations: &[Population],
    spikes: &[Spike],
    voltages: &[VoltageTrace],
    t_end: f64,
) -> Result<(), ReportError> {
    picture(populations, spikes, voltages, t_end)?.save(path)
}

/// Returns the SVG that [`raster()`] would write.
///
/// # Errors
///
/// [`ReportError::EmptyFigure`] and [`ReportError::UnknownNeuron`] as for the file.
pub fn raster_svg(
    populations: &[Population],
    spikes: &[Spike],
    voltages: &[VoltageTrace],
    t_end: f64,
) -> Result<String, ReportError> {
    picture(populations, spikes, voltages, t_end)?.to_svg()
}

fn picture(
    populations: &[Population],
    spikes: &[Spike],
    voltages: &[VoltageTrace],
    t_end: f64,
) -> Result<Picture, ReportError> {
    if populations.is_empty() && voltages.is_empty() {
        return Err(ReportError::EmptyFigure { missing: "neither a population nor a voltage" });
    }
    if !(t_end.is_finite() && t_end > 0.0) {
        return Err(ReportError::EmptyFigure { missing: "the end of time is not above 0" });
    }
    let exists =
        |spike: &&Spike| populations.get(spike.population).is_some_and(|it| spike.neuron < it.size);
    if let Some(&Spike { population, neuron, .. }) = spikes.iter().find(|spike| !exists(spike)) {
        return Err(ReportError::UnknownNeuron { population, neuron });
    }

    let mut sheet = Sheet::new(name_width(populations, voltages)?, t_end);
    if !populations.is_empty() {
        sheet.heading("Spikes");
        for (index, height) in band_heights(populations).into_iter().enumerate() {
            let spikes = spikes.iter().filter(|spike| spike.population == index);
            let colour = SERIES[index % SERIES.len()];
            sheet.draw_band(height, &populations[index], colour, spikes)?;
        }
    }
    if !voltages.is_empty() {
        let dashed = voltages.iter().any(|voltage| voltage.threshold.is_some());
        let remark = if dashed { " (threshold dashed)" } else { "" };
        sheet.heading(&format!("Membrane potential{remark}"));
        let height = (HIGHEST_SECTION / approximate(voltages.len())).min(HIGHEST_CURVE);
        for voltage in voltages {
            sheet.draw_voltage(height, voltage)?;
        }
    }
    Ok(sheet.finish())
}

/// The picture, growing downwards panel by panel.
struct Sheet {
    picture: Picture,
    /// Left edge of all panels.
    left: f64,
    /// End of the axis of time, in s.
    t_end: f64,
    /// Lower edge of what is already there.
    bottom: f64,
    /// The lowest panel.
    last: Option<Panel>,
}

impl Sheet {
    fn new(name_width: f64, t_end: f64) -> Self {
        let left = MARGIN + name_width + NUMBERS;
        Self { picture: Picture::new(WIDTH, 0.0), left, t_end, bottom: 0.0, last: None }
    }

    fn heading(&mut self, text: &str) {
        self.bottom += HEADING_HEIGHT;
        self.picture.text(text, (self.left, self.bottom - 10.0), HEADING);
    }

    fn panel(&mut self, height: f64, range: (f64, f64)) -> Panel {
        let top = self.bottom;
        let panel = Panel {
            upper_left: (self.left, top),
            lower_right: (WIDTH - MARGIN, top + height),
            x: Axis::linear((0.0, 1e3 * self.t_end), "time (ms)"),
            y: Axis::linear(range, ""),
        };
        self.bottom += height + GAP.min(0.25 * height);
        self.last = Some(panel.clone());
        panel
    }

    fn draw_band<'a>(
        &mut self,
        height: f64,
        population: &Population,
        colour: RGBColor,
        spikes: impl Iterator<Item = &'a Spike>,
    ) -> Result<(), ReportError> {
        let panel = self.panel(height, (0.0, approximate(population.size.max(1))));
        panel.draw_x_grid(&mut self.picture);
        for spike in spikes.filter(|spike| self.t_end >= spike.time && spike.time >= 0.0) {
            let row = approximate(spike.neuron);
            let (x, low) = panel.at(1e3 * spike.time, row);
            let (_, high) = panel.at(0.0, row + 1.0);
            let middle = f64::midpoint(low, high);
            let half = (0.35 * (low - high)).clamp(SHORTEST_SPIKE / 2.0, LONGEST_SPIKE / 2.0);
            self.picture.line(vec![(x, middle - half), (x, middle + half)], SPIKE_WIDTH, colour);
        }
        panel.draw_frame(&mut self.picture);

        let count = match population.size {
            1 => "1 neuron".to_owned(),
            size => format!("{size} neurons"),
        };
        let right = self.left - 9.0;
        let (_, middle) = panel.at(0.0, panel.y.range.1 / 2.0);
        let name_style = TextStyle { bold: true, colour, ..NORMAL }.align(Align::End);
        let name = shortened(&population.name, name_style, LONGEST_NAME)?;
        self.picture.text(name, (right, middle - 3.0), name_style);
        self.picture.text(count, (right, middle + 11.0), SMALL.align(Align::End));
        Ok(())
    }

    fn draw_voltage(&mut self, height: f64, voltage: &VoltageTrace) -> Result<(), ReportError> {
        let panel = self.panel(height, voltage_range(voltage));
        panel.draw_x_grid(&mut self.picture);
        panel.draw_y_grid(&mut self.picture);
        if let Some(threshold) = voltage.threshold {
            let ends = [panel.at(0.0, threshold), panel.at(f64::INFINITY, threshold)];
            self.picture.dashes(ends, 1.25, VERMILION);
        }
        let shown = |point: &(f64, f64)| (0.0..=self.t_end).contains(&point.0);
        let points: Vec<(f64, f64)> = voltage.points.iter().copied().filter(shown).collect();
        for run in points.split(|point| !point.1.is_finite()) {
            let places = run.iter().map(|point| panel.at(1e3 * point.0, point.1)).collect();
            self.picture.line(places, 1.5, INK);
        }
        panel.draw_frame(&mut self.picture);

        let (_, middle) = panel.at(0.0, f64::midpoint(panel.y.range.0, panel.y.range.1));
        let style = NORMAL.align(Align::End);
        let label = shortened(&voltage.label, style, LONGEST_NAME)?;
        self.picture.text(label, (self.left - NUMBERS + 4.0, middle + style.baseline()), style);
        Ok(())
    }

    fn finish(mut self) -> Picture {
        if let Some(last) = self.last {
            last.draw_x_numbers(&mut self.picture);
            last.draw_x_label(&mut self.picture);
        }
        self.picture.height = self.bottom + FOOT;
        self.picture
    }
}

/// Heights of the bands, in points: those of the sizes' square roots.
fn band_heights(populations: &[Population]) -> Vec<f64> {
    let heights: Vec<f64> = populations
        .iter()
        .map(|population| (15.0 * approximate(population.size).sqrt()).clamp(44.0, 260.0))
        .collect();
    let shrink = (HIGHEST_SECTION / heights.iter().sum::<f64>()).min(1.0);
    heights.into_iter().map(|height| shrink * height).collect()
}

/// A range that holds the voltage and its threshold, with room above and below.
fn voltage_range(voltage: &VoltageTrace) -> (f64, f64) {
    const ROOM: f64 = 0.1;
    let voltages = voltage.points.iter().map(|point| point.1).chain(voltage.threshold);
    let (low, high) = voltages
        .filter(|voltage| voltage.is_finite())
        .fold((0.0_f64, 0.0_f64), |(low, high), voltage| (low.min(voltage), high.max(voltage)));
    if high > low {
        let room = ROOM * (high - low);
        (low - room, high + room)
    } else {
        (-1.0, 1.0)
    }
}

/// Room for the widest name, in points.
fn name_width(populations: &[Population], voltages: &[VoltageTrace]) -> Result<f64, ReportError> {
    // A count of neurons stands below the name of a population, and has this room at least.
    let mut widest = 40.0_f64;
    let bold = TextStyle { bold: true, ..NORMAL };
    for population in populations {
        // The name of a population may reach into the room of the numbers, which bands do not have.
        widest = widest.max(text_width(&population.name, bold)? - NUMBERS + 10.0);
    }
    for voltage in voltages {
        widest = widest.max(text_width(&voltage.label, NORMAL)?);
    }
    Ok(widest.min(LONGEST_NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn population(name: &str, size: usize) -> Population {
        Population { name: name.to_owned(), size }
    }

    fn svg(populations: &[Population], spikes: &[Spike], voltages: &[VoltageTrace]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("raster.svg");
        raster(&path, populations, spikes, voltages, 0.05).unwrap();
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn every_spike_inside_the_window_is_one_mark() {
        let populations = [population("hidden", 200), population("output", 1)];
        let marks = |spikes: &[Spike]| svg(&populations, spikes, &[]).matches("<polyline").count();
        let spike = |population, neuron, time| Spike { population, neuron, time };
        let shown = [spike(0, 199, 0.0), spike(0, 3, 0.02), spike(1, 0, 0.05)];
        let hidden = [spike(0, 0, -0.001), spike(0, 0, 0.051), spike(0, 0, f64::NAN)];
        assert_eq!(marks(&shown), marks(&hidden) + 3);
    }

    #[test]
    fn voltages_are_drawn_whatever_they_are() {
        let trace = |points: Vec<(f64, f64)>| VoltageTrace {
            label: "a very long name of a neuron that nobody will ever read to its end".to_owned(),
            threshold: Some(1.0),
            points,
        };
        let svg = svg(
            &[],
            &[],
            &[
                trace(vec![(0.0, 0.0), (0.01, 1.0), (0.01, 0.0), (0.05, -3.0)]),
                trace(vec![(0.0, f64::NAN), (0.02, 1e300), (0.03, f64::NEG_INFINITY)]),
                trace(vec![]),
            ],
        );
        assert!(svg.contains("…") && !svg.contains("nobody"), "names are cut");
        assert!(!svg.contains("NaN"));
    }

    #[test]
    fn many_bands_and_curves_make_a_figure_of_bounded_size() {
        let trace = VoltageTrace { label: String::new(), threshold: None, points: vec![] };
        let svg = svg(&vec![population("p", 9); 100], &[], &vec![trace; 1000]);
        let (_, rest) = svg.split_once("height=\"").unwrap();
        let height: f64 = rest.split('"').next().unwrap().parse().unwrap();
        assert!(height < 2.5 * HIGHEST_SECTION + 200.0, "{height} points");
    }

    #[test]
    fn what_cannot_be_drawn_is_refused() {
        let refuse = |populations: &[Population], spikes: &[Spike], t_end| {
            raster(Path::new("raster.svg"), populations, spikes, &[], t_end).unwrap_err()
        };
        let one = [population("hidden", 2)];
        assert!(matches!(refuse(&[], &[], 1.0), ReportError::EmptyFigure { .. }));
        assert!(matches!(refuse(&one, &[], f64::NAN), ReportError::EmptyFigure { .. }));
        let stray = Spike { population: 0, neuron: 2, time: 0.1 };
        assert!(matches!(
            refuse(&one, &[stray], 1.0),
            ReportError::UnknownNeuron { neuron: 2, .. }
        ));
    }
}
