//! Who spiked when: a mark for each spike, one band a population, and voltages below on the same
//! axis of time.
//!
//! A band grows with its population, but slower, so that three outputs below two hundred hidden
//! neurons can still be read. In a band as in the voltages the first neuron is the uppermost. A
//! population has one colour in both.
//!
//! Not here: where voltages come from; they are drawn through the points that are given.

use super::axes::{Axis, Panel, approximate};
use super::font::{shortened, text_width};
use super::palette::{Colour, INK, SERIES};
use super::picture::{Align, HEADING, NORMAL, Picture, SMALL, TextStyle};
use crate::ReportError;

/// What there is to draw.
#[derive(Clone, Debug, PartialEq)]
pub struct Raster {
    /// The bands, from the top.
    pub populations: Vec<Population>,
    /// The marks; those outside of the window are left out.
    pub spikes: Vec<Spike>,
    /// The curves below the bands, from the top.
    pub voltages: Vec<VoltageTrace>,
    /// Start and end of the axis of time, in s.
    pub window: (f64, f64),
    /// Extent of the picture.
    pub size: Size,
}

/// Extent of a raster, in points; a `.png` has two pixels to each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    /// Width.
    pub width: f64,
    /// Height; `None` for what the bands and curves take.
    pub height: Option<f64>,
}

impl Size {
    /// The smallest and the largest width and height of a picture, in points.
    pub const LIMITS: (f64, f64) = (300.0, 3000.0);
}

impl Default for Size {
    /// As wide as a page.
    fn default() -> Self {
        Self { width: 920.0, height: None }
    }
}

/// What a band or a curve belongs to, which is what its colour stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The input channels.
    Input,
    /// The population at this position of the network; in every figure of a run it has this colour.
    Layer(usize),
}

impl Role {
    fn colour(self) -> Colour {
        match self {
            Self::Input => INK,
            Self::Layer(index) => SERIES[index % SERIES.len()],
        }
    }
}

/// A band of the raster: neurons of one population, one after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Population {
    /// Name beside the band.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// Index of the first neuron of the band in its population.
    pub first: usize,
    /// Number of neurons of the band.
    pub size: usize,
}

/// A mark of the raster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spike {
    /// Index of the band.
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
    /// What it belongs to.
    pub role: Role,
    /// Threshold, in the unit of the membrane potential; `None` for a neuron that does not spike.
    pub threshold: Option<f64>,
    /// (time in s, membrane potential), in order of time; two points at one time make a jump.
    pub points: Vec<(f64, f64)>,
}

impl VoltageTrace {
    /// The course through `samples`, (time, potential), and through `spikes`, at each of which the potential reaches the first of two `levels` and falls to
    /// the second. A sample at the time of a spike is one after it.
    pub fn through(
        label: String,
        role: Role,
        levels: Option<(f64, f64)>,
        spikes: impl Iterator<Item = f64>,
        samples: impl Iterator<Item = (f64, f64)>,
    ) -> Self {
        let jump = |time| levels.map(|(threshold, reset)| [(time, threshold), (time, reset)]);
        let mut points: Vec<_> = spikes.filter_map(jump).flatten().chain(samples).collect();
        // Stable: what was first of equals stays first.
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self { label, role, threshold: levels.map(|(threshold, _)| threshold), points }
    }
}

// All lengths are in points.
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
/// Bands at least this high have the indices of their first and last neuron beside them.
const INDEXED: f64 = 44.0;
/// A picture whose panels would be lower than this has no height that was asked for.
const LOWEST_PANEL: f64 = 6.0;

/// Draws spikes and voltages.
///
/// # Errors
///
/// [`ReportError::EmptyFigure`] if there is neither a population nor a voltage, or the window has no
/// length; [`ReportError::Size`] for an extent out of its limits, [`ReportError::TooLow`] for one that the panels do not fit into;
/// [`ReportError::UnknownNeuron`] for a spike that belongs to no band.
pub fn raster(raster: &Raster) -> Result<Picture, ReportError> {
    check(raster)?;
    let Raster { populations, spikes, voltages, window, size } = raster;
    let (bands, curve) = rooms(raster)?;
    let left = MARGIN + name_width(populations, voltages) + NUMBERS;
    let mut sheet = Sheet {
        picture: Picture::new(size.width, 0.0),
        left,
        window: *window,
        bottom: 0.0,
        last: None,
    };
    if !populations.is_empty() {
        sheet.heading("Spikes");
        for (index, (population, room)) in populations.iter().zip(bands).enumerate() {
            let spikes = spikes.iter().filter(|spike| spike.population == index);
            sheet.draw_band(room, population, spikes);
        }
    }
    if !voltages.is_empty() {
        let dashed = voltages.iter().any(|voltage| voltage.threshold.is_some());
        let remark = if dashed { " (threshold dashed)" } else { "" };
        sheet.heading(&format!("Membrane potential{remark}"));
        for voltage in voltages {
            sheet.draw_voltage(curve, voltage);
        }
    }
    Ok(sheet.finish())
}

fn check(raster: &Raster) -> Result<(), ReportError> {
    let Raster { populations, spikes, voltages, window: (start, end), size } = raster;
    if populations.is_empty() && voltages.is_empty() {
        return Err(ReportError::EmptyFigure { missing: "neither a population nor a voltage" });
    }
    if !(start.is_finite() && end.is_finite() && start < end) {
        return Err(ReportError::EmptyFigure { missing: "the axis of time has no length" });
    }
    let (least, most) = Size::LIMITS;
    let mut lengths = [Some(size.width), size.height].into_iter().flatten();
    if let Some(length) = lengths.find(|length| !(least..=most).contains(length)) {
        return Err(ReportError::Size { length, least, most });
    }
    let exists = |spike: &&Spike| {
        let band = populations.get(spike.population);
        band.is_some_and(|it| (it.first..it.first + it.size).contains(&spike.neuron))
    };
    match spikes.iter().find(|spike| !exists(spike)) {
        Some(&Spike { population, neuron, .. }) => {
            Err(ReportError::UnknownNeuron { population, neuron })
        }
        None => Ok(()),
    }
}

/// Height of a panel and of the gap below it, in points.
#[derive(Clone, Copy)]
struct Room {
    height: f64,
    gap: f64,
}

impl Room {
    fn of(height: f64) -> Self {
        Self { height, gap: GAP.min(0.25 * height) }
    }
}

/// Room for the bands and for each curve.
fn rooms(raster: &Raster) -> Result<(Vec<Room>, Room), ReportError> {
    let Raster { populations, voltages, size, .. } = raster;
    let mut bands: Vec<Room> = band_heights(populations).into_iter().map(Room::of).collect();
    let curves = approximate(voltages.len());
    let mut curve = Room::of((HIGHEST_SECTION / curves.max(1.0)).min(HIGHEST_CURVE));
    if let Some(height) = size.height {
        let sections = f64::from(u8::from(!bands.is_empty()) + u8::from(!voltages.is_empty()));
        let sum = |of: fn(&Room) -> f64| bands.iter().map(of).sum::<f64>() + curves * of(&curve);
        let (panels, gaps) = (sum(|room| room.height), sum(|room| room.gap));
        let stretch = (height - sections * HEADING_HEIGHT - gaps - FOOT) / panels;
        bands.iter_mut().chain([&mut curve]).for_each(|room| room.height *= stretch);
        let drawn = bands.iter().chain((curves > 0.0).then_some(&curve));
        if drawn.map(|room| room.height).fold(f64::INFINITY, f64::min) < LOWEST_PANEL {
            return Err(ReportError::TooLow { height });
        }
    }
    Ok((bands, curve))
}

/// The picture, growing downwards panel by panel.
struct Sheet {
    picture: Picture,
    /// Left edge of all panels.
    left: f64,
    /// Start and end of the axis of time, in s.
    window: (f64, f64),
    /// Lower edge of what is already there.
    bottom: f64,
    /// The lowest panel.
    last: Option<Panel>,
}

impl Sheet {
    fn heading(&mut self, text: &str) {
        self.bottom += HEADING_HEIGHT;
        self.picture.text(text, (self.left, self.bottom - 10.0), HEADING);
    }

    fn panel(&mut self, Room { height, gap }: Room, range: (f64, f64)) -> Panel {
        let top = self.bottom;
        let (start, end) = self.window;
        let panel = Panel {
            upper_left: (self.left, top),
            lower_right: (self.picture.width - MARGIN, top + height),
            x: Axis::linear((1e3 * start, 1e3 * end), "time (ms)"),
            y: Axis::linear(range, ""),
        };
        self.bottom += height + gap;
        self.last = Some(panel.clone());
        panel
    }

    fn shows(&self, time: f64) -> bool {
        (self.window.0..=self.window.1).contains(&time)
    }

    fn draw_band<'a>(
        &mut self,
        room: Room,
        population: &Population,
        spikes: impl Iterator<Item = &'a Spike>,
    ) {
        let Population { name, role, first, size } = population;
        let colour = role.colour();
        let rows = approximate((*size).max(1));
        let panel = self.panel(room, (0.0, rows));
        panel.draw_x_grid(&mut self.picture);
        for spike in spikes.filter(|spike| self.shows(spike.time)).collect::<Vec<_>>() {
            // The first neuron is the uppermost.
            let row = rows - approximate(spike.neuron - first);
            let (x, high) = panel.at(1e3 * spike.time, row);
            let (_, low) = panel.at(0.0, row - 1.0);
            let middle = f64::midpoint(low, high);
            let half = (0.35 * (low - high)).clamp(SHORTEST_SPIKE / 2.0, LONGEST_SPIKE / 2.0);
            self.picture.line(vec![(x, middle - half), (x, middle + half)], SPIKE_WIDTH, colour);
        }
        panel.draw_frame(&mut self.picture);

        let what = if *role == Role::Input { "channel" } else { "neuron" };
        let count = match size {
            1 => format!("1 {what}"),
            size => format!("{size} {what}s"),
        };
        let right = self.left - NUMBERS + 4.0;
        let (_, middle) = panel.at(0.0, rows / 2.0);
        let name_style = TextStyle { bold: true, colour, ..NORMAL }.align(Align::End);
        let name = shortened(name, name_style, LONGEST_NAME);
        self.picture.text(name, (right, middle - 3.0), name_style);
        self.picture.text(count, (right, middle + 11.0), SMALL.align(Align::End));
        if *size > 1 && room.height >= INDEXED {
            let style = SMALL.align(Align::End);
            let ((_, top), (_, bottom)) = (panel.upper_left, panel.lower_right);
            let (right, above) = (self.left - 7.0, top + 2.0 * style.baseline() + 1.0);
            self.picture.text(first.to_string(), (right, above), style);
            self.picture.text((first + size - 1).to_string(), (right, bottom - 1.0), style);
        }
    }

    fn draw_voltage(&mut self, room: Room, voltage: &VoltageTrace) {
        let shown = |point: &(f64, f64)| self.shows(point.0);
        let points: Vec<(f64, f64)> = voltage.points.iter().copied().filter(shown).collect();
        let panel = self.panel(room, voltage_range(&points, voltage.threshold));
        panel.draw_x_grid(&mut self.picture);
        panel.draw_y_grid(&mut self.picture);
        if let Some(threshold) = voltage.threshold {
            let ends = [f64::NEG_INFINITY, f64::INFINITY].map(|time| panel.at(time, threshold));
            self.picture.dashes(ends, 1.0, INK);
        }
        for run in points.split(|point| !point.1.is_finite()) {
            let places = run.iter().map(|point| panel.at(1e3 * point.0, point.1)).collect();
            self.picture.line(places, 1.5, voltage.role.colour());
        }
        panel.draw_frame(&mut self.picture);

        let (_, middle) = panel.at(0.0, f64::midpoint(panel.y.range.0, panel.y.range.1));
        let style = NORMAL.align(Align::End);
        let label = shortened(&voltage.label, style, LONGEST_NAME);
        self.picture.text(label, (self.left - NUMBERS + 4.0, middle + style.baseline()), style);
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

/// A range that holds the voltages and their threshold, with room above and below.
fn voltage_range(points: &[(f64, f64)], threshold: Option<f64>) -> (f64, f64) {
    const ROOM: f64 = 0.1;
    let voltages = points.iter().map(|point| point.1).chain(threshold);
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
fn name_width(populations: &[Population], voltages: &[VoltageTrace]) -> f64 {
    // A count of neurons stands below the name of a population, and has this room at least.
    let mut widest = 72.0_f64;
    let bold = TextStyle { bold: true, ..NORMAL };
    for population in populations {
        widest = widest.max(text_width(&population.name, bold));
    }
    for voltage in voltages {
        widest = widest.max(text_width(&voltage.label, NORMAL));
    }
    widest.min(LONGEST_NAME)
}

#[cfg(test)]
mod tests {
    use super::super::picture::Shape;
    use super::*;

    fn population(name: &str, size: usize) -> Population {
        Population { name: name.to_owned(), role: Role::Layer(0), first: 0, size }
    }

    fn of(populations: &[Population], spikes: &[Spike], voltages: &[VoltageTrace]) -> Raster {
        Raster {
            populations: populations.to_vec(),
            spikes: spikes.to_vec(),
            voltages: voltages.to_vec(),
            window: (0.0, 0.05),
            size: Size::default(),
        }
    }

    fn trace(points: Vec<(f64, f64)>) -> VoltageTrace {
        VoltageTrace {
            label: "a very long name of a neuron that nobody will ever read to its end".to_owned(),
            role: Role::Layer(1),
            threshold: Some(1.0),
            points,
        }
    }

    /// The middles of the marks in a colour.
    fn marks(raster: &Raster, colour: Colour) -> Vec<(f64, f64)> {
        let shapes = super::raster(raster).unwrap().shapes;
        let mark = |shape: Shape| match shape {
            Shape::Line { points, width, colour: own } if width == SPIKE_WIDTH && own == colour => {
                Some((points[0].0, f64::midpoint(points[0].1, points[1].1)))
            }
            _ => None,
        };
        shapes.into_iter().filter_map(mark).collect()
    }

    #[test]
    fn every_spike_inside_the_window_is_one_mark() {
        let populations = [population("hidden", 200), population("output", 1)];
        let spike = |population, neuron, time| Spike { population, neuron, time };
        let shown = [spike(0, 199, 0.01), spike(0, 3, 0.02), spike(1, 0, 0.05)];
        let hidden =
            [spike(0, 0, -0.001), spike(0, 0, 0.009), spike(0, 0, 0.051), spike(0, 0, f64::NAN)];
        let window = (0.01, 0.05);
        let count = |spikes: &[Spike]| {
            marks(&Raster { window, ..of(&populations, spikes, &[]) }, SERIES[0]).len()
        };
        assert_eq!((count(&shown), count(&hidden)), (3, 0));
    }

    #[test]
    fn the_first_neuron_is_the_uppermost_and_a_band_may_begin_anywhere() {
        let spikes = [20, 21, 29].map(|neuron| Spike { population: 0, neuron, time: 0.01 });
        let band = Population { first: 20, ..population("hidden", 10) };
        let raster = of(&[band], &spikes, &[]);
        let heights: Vec<f64> = marks(&raster, SERIES[0]).into_iter().map(|(_, y)| y).collect();
        assert!(heights.is_sorted() && heights[0] < heights[2], "{heights:?}");
        let svg = super::raster(&raster).unwrap().to_svg();
        let place = |text: &str| svg.find(&format!(">{text}</text>")).unwrap();
        assert!(place("20") < place("29"), "both indices stand there, the first above");
        let stray = Spike { population: 0, neuron: 30, time: 0.01 };
        let error = super::raster(&Raster { spikes: vec![stray], ..raster }).unwrap_err();
        assert!(matches!(error, ReportError::UnknownNeuron { neuron: 30, .. }));
    }

    #[test]
    fn a_population_has_one_colour_whatever_else_is_shown() {
        let spike = |population| Spike { population, neuron: 0, time: 0.01 };
        let band = |role| Population { role, ..population("p", 1) };
        let all = [band(Role::Input), band(Role::Layer(0)), band(Role::Layer(1))];
        let whole = of(&all, &[spike(0), spike(1), spike(2)], &[]);
        let part = of(&all[2..], &[spike(0)], &[]);
        for (raster, colour) in
            [(&whole, INK), (&whole, SERIES[0]), (&whole, SERIES[1]), (&part, SERIES[1])]
        {
            assert_eq!(marks(raster, colour).len(), 1);
        }
        let curve = trace(vec![(0.0, 0.0), (0.01, 0.5)]);
        let drawn = raster(&of(&[], &[], &[curve])).unwrap().shapes.into_iter();
        let own =
            |shape: &Shape| matches!(shape, Shape::Line { colour, .. } if *colour == SERIES[1]);
        assert_eq!(drawn.filter(own).count(), 1);
    }

    #[test]
    fn voltages_are_drawn_whatever_they_are() {
        let raster = of(
            &[],
            &[],
            &[
                trace(vec![(0.0, 0.0), (0.01, 1.0), (0.01, 0.0), (0.05, -3.0)]),
                trace(vec![(0.0, f64::NAN), (0.02, 1e300), (0.03, f64::NEG_INFINITY)]),
                trace(vec![]),
            ],
        );
        let svg = super::raster(&raster).unwrap().to_svg();
        assert!(svg.contains("…") && !svg.contains("nobody"), "names are cut");
        assert!(!svg.contains("NaN"));
        let texts = svg.split('>').filter_map(|piece| piece.strip_suffix("</text"));
        assert!(texts.map(str::len).max() < Some(60), "no number has hundreds of digits");
    }

    #[test]
    fn many_bands_and_curves_make_a_figure_of_bounded_size() {
        let raster = of(&vec![population("p", 9); 100], &[], &vec![trace(vec![]); 1000]);
        let height = super::raster(&raster).unwrap().height;
        assert!(height < 2.5 * HIGHEST_SECTION + 200.0, "{height} points");
    }

    #[test]
    fn a_picture_is_as_large_as_was_asked_for() {
        let raster = of(&[population("p", 9)], &[], &[trace(vec![(0.0, 0.5)]), trace(vec![])]);
        let own = super::raster(&raster).unwrap();
        for (width, height) in [(300.0, 300.0), (1400.0, 700.0), (3000.0, 3000.0)] {
            let size = Size { width, height: Some(height) };
            let asked = super::raster(&Raster { size, ..raster.clone() }).unwrap();
            assert!((asked.width - width).abs() < 1e-9 && (asked.height - height).abs() < 1e-9);
        }
        let size = Size { width: 400.0, height: None };
        assert_eq!(
            super::raster(&Raster { size, ..raster.clone() }).unwrap().height.to_bits(),
            own.height.to_bits()
        );
        for (width, height) in [(299.0, None), (3001.0, None), (f64::NAN, None), (920.0, Some(0.0))]
        {
            let size = Size { width, height };
            let error = super::raster(&Raster { size, ..raster.clone() }).unwrap_err();
            assert!(matches!(error, ReportError::Size { .. }), "{size:?}");
        }
        let many = of(&vec![population("p", 9); 60], &[], &[]);
        let size = Size { width: 920.0, height: Some(300.0) };
        let error = super::raster(&Raster { size, ..many }).unwrap_err();
        assert!(matches!(error, ReportError::TooLow { .. }));
    }

    #[test]
    fn what_cannot_be_drawn_is_refused() {
        let one = [population("hidden", 2)];
        let refuse = |populations: &[Population], spikes: &[Spike], window| {
            let drawn = of(populations, spikes, &[]);
            raster(&Raster { window, ..drawn }).unwrap_err()
        };
        assert!(matches!(refuse(&[], &[], (0.0, 1.0)), ReportError::EmptyFigure { .. }));
        for window in [(0.0, f64::NAN), (0.0, 0.0), (0.2, 0.1), (f64::NEG_INFINITY, 1.0)] {
            assert!(matches!(refuse(&one, &[], window), ReportError::EmptyFigure { .. }));
        }
        let stray = Spike { population: 0, neuron: 2, time: 0.1 };
        assert!(matches!(
            refuse(&one, &[stray], (0.0, 1.0)),
            ReportError::UnknownNeuron { neuron: 2, .. }
        ));
    }
}
