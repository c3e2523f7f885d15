//! Lines over any quantity: panels side by side, one legend below all of them.
//!
//! A name has one colour, whichever panels it is in, and in all figures of a page that share their [`Colours`]. A point without a
//! place on its axes leaves a gap.
//!
//! Not here: the histories of a run (`series.rs`), which show their last values.

use super::axes::{Axis, Panel, approximate};
use super::font::text_width;
use super::palette::{Colour, SERIES};
use super::picture::{HEADING, NORMAL, Picture};
use crate::ReportError;

/// A panel with its lines.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    /// What stands above it.
    pub heading: String,
    /// The horizontal axis.
    pub x: ChartAxis,
    /// The vertical axis.
    pub y: ChartAxis,
    /// The lines, painted in order.
    pub lines: Vec<ChartLine>,
}

/// What is measured along a side of a panel; its range is that of the points.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChartAxis {
    /// Quantity and unit.
    pub label: String,
    /// Whether equal distances are equal factors; only what is above 0 has a place then.
    pub logarithmic: bool,
}

/// A named line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChartLine {
    /// Its name in the legend.
    pub name: String,
    /// Whether it is drawn as dashes: what others are compared with.
    pub dashed: bool,
    /// Its points.
    pub points: Vec<ChartPoint>,
}

/// A point with what it may be off by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ChartPoint {
    /// Along the horizontal axis.
    pub x: f64,
    /// Along the vertical axis.
    pub y: f64,
    /// Half the length of the bar through it; 0 for none.
    pub spread: f64,
}

impl From<(f64, f64)> for ChartPoint {
    fn from((x, y): (f64, f64)) -> Self {
        Self { x, y, spread: 0.0 }
    }
}

/// Which name has which colour.
///
/// A name that comes for the first time takes the first colour that no other name has, or, where there are more names than
/// colours, one that no other name of its figure has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Colours {
    /// Names with the position of their colour.
    names: Vec<(String, usize)>,
}

impl Colours {
    /// Gives colours to these names, in this order, whether or not they are drawn.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut colours = Self::default();
        colours.take(&names.into_iter().collect::<Vec<_>>());
        colours
    }

    /// Gives a colour to each of the names of a figure that has none.
    fn take(&mut self, figure: &[&str]) {
        for &name in figure {
            if self.position(name).is_some() {
                continue;
            }
            let is_free = |position: &usize, among: &dyn Fn(&str) -> bool| {
                !self.names.iter().any(|(other, taken)| taken == position && among(other))
            };
            let all = || 0..SERIES.len();
            let position = all()
                .find(|position| is_free(position, &|_| true))
                .or_else(|| {
                    all().find(|position| is_free(position, &|other| figure.contains(&other)))
                })
                .unwrap_or(self.names.len() % SERIES.len());
            self.names.push((name.to_owned(), position));
        }
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().find(|(other, _)| other == name).map(|(_, position)| *position)
    }

    fn colour(&self, name: &str) -> Colour {
        SERIES[self.position(name).unwrap_or(0)]
    }
}

const WIDTH: f64 = 920.0;
const LEFT: f64 = 78.0;
const RIGHT: f64 = 20.0;
const ABOVE: f64 = 40.0;
const BELOW: f64 = 58.0;
const HEIGHT: f64 = 270.0;
/// Between the right edge of a panel and the left of the next.
const BETWEEN: f64 = 84.0;
const LEGEND_ROW: f64 = 22.0;

/// With fewer points than this, each one is marked.
const MARKED: usize = 31;

/// Draws the panels, two in a row. Names have the `colours` of the figures before, and new ones are added to them.
///
/// # Errors
///
/// [`ReportError::EmptyFigure`] without a panel.
pub fn chart(charts: &[Chart], colours: &mut Colours) -> Result<Picture, ReportError> {
    if charts.is_empty() {
        return Err(ReportError::EmptyFigure { missing: "there is no panel" });
    }
    let mut names: Vec<(&str, bool)> = Vec::new();
    for line in charts.iter().flat_map(|chart| &chart.lines) {
        if !names.iter().any(|(name, _)| *name == line.name) {
            names.push((&line.name, line.dashed));
        }
    }
    colours.take(&names.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    let colour = |name: &str| colours.colour(name);
    let rows = charts.len().div_ceil(2);
    let panels_end = approximate(rows) * (ABOVE + HEIGHT + BELOW);
    let legend = legend(&names);
    let mut picture =
        Picture::new(WIDTH, panels_end + LEGEND_ROW * approximate(legend.len()) + 8.0);
    for (k, chart) in charts.iter().enumerate() {
        let columns = if charts.len() == 1 { 1.0 } else { 2.0 };
        let width = (WIDTH - LEFT - RIGHT - BETWEEN * (columns - 1.0)) / columns;
        let left = LEFT + approximate(k % 2) * (width + BETWEEN);
        let top = ABOVE + approximate(k / 2) * (ABOVE + HEIGHT + BELOW);
        let points = || chart.lines.iter().flat_map(|line| &line.points);
        let panel = Panel {
            upper_left: (left, top),
            lower_right: (left + width, top + HEIGHT),
            x: chart.x.axis(points().map(|point| point.x)),
            y: chart.y.axis(
                points()
                    .flat_map(|point| [point.y - point.spread, point.y, point.y + point.spread]),
            ),
        };
        picture.text(chart.heading.as_str(), (left, top - 14.0), HEADING);
        panel.draw_grid(&mut picture);
        for line in &chart.lines {
            chart.draw_line(&mut picture, &panel, line, colour(&line.name));
        }
        panel.draw_frame(&mut picture);
        panel.draw_x_label(&mut picture);
        panel.draw_y_label(&mut picture, 58.0);
    }
    for (row, entries) in legend.iter().enumerate() {
        let baseline = panels_end + LEGEND_ROW * (approximate(row) + 0.5);
        for &(left, name, dashed) in entries {
            let middle = baseline - NORMAL.baseline();
            let ends = [(left, middle), (left + KEY, middle)];
            match dashed {
                true => picture.dashes(ends, 2.5, colour(name)),
                false => picture.line(ends.into(), 2.5, colour(name)),
            }
            picture.text(name, (left + KEY + 8.0, baseline), NORMAL);
        }
    }
    Ok(picture)
}

/// Length of the piece of line beside a name.
const KEY: f64 = 24.0;

/// An entry of the legend: where it begins, its name, and whether its line is dashed.
type Entry<'a> = (f64, &'a str, bool);

/// The rows of the legend, each as full as it can be.
fn legend<'a>(names: &[(&'a str, bool)]) -> Vec<Vec<Entry<'a>>> {
    let mut rows: Vec<Vec<Entry<'a>>> = Vec::new();
    let mut left = f64::INFINITY;
    for &(name, dashed) in names {
        let width = KEY + 8.0 + text_width(name, NORMAL);
        if left + width > WIDTH - RIGHT {
            rows.push(Vec::new());
            left = LEFT;
        }
        if let Some(row) = rows.last_mut() {
            row.push((left, name, dashed));
        }
        left += width + 26.0;
    }
    rows
}

impl ChartAxis {
    /// Whether `value` has a place on the axis.
    fn has(&self, value: f64) -> bool {
        value.is_finite() && (!self.logarithmic || value > 0.0)
    }

    /// The axis that holds all of `values`, with some room at its ends.
    fn axis(&self, values: impl Iterator<Item = f64>) -> Axis {
        let (low, high) = values
            .filter(|&value| self.has(value))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        if self.logarithmic {
            let (low, high) = if low > high { (0.1, 1.0) } else { (low, high) };
            let room = libm::pow(high / low, 0.05).max(1.05);
            Axis::logarithmic((low / room, high * room), &self.label)
        } else {
            let (low, high) = if low > high { (0.0, 1.0) } else { (low, high) };
            let width = if high > low { high - low } else { high.abs().max(1.0) };
            Axis::linear((low - 0.05 * width, high + 0.05 * width), &self.label)
        }
    }
}

impl Chart {
    fn draw_line(&self, picture: &mut Picture, panel: &Panel, line: &ChartLine, colour: Colour) {
        let marked = line.points.len() < MARKED && !line.dashed;
        let has = |point: &ChartPoint| self.x.has(point.x) && self.y.has(point.y);
        for run in line.points.split(|point| !has(point)) {
            let places: Vec<_> = run.iter().map(|point| panel.at(point.x, point.y)).collect();
            for (point, &place) in run.iter().zip(&places) {
                if point.spread > 0.0 {
                    let ends = [point.y - point.spread, point.y + point.spread];
                    picture.line(ends.map(|y| panel.at(point.x, y)).into(), 1.0, colour);
                }
                if marked {
                    picture.disc(place, 2.5, colour);
                }
            }
            if line.dashed {
                for piece in places.windows(2) {
                    picture.dashes([piece[0], piece[1]], 1.75, colour);
                }
            } else {
                picture.line(places, 1.75, colour);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::picture::Shape;
    use super::*;

    fn line(name: &str, points: &[(f64, f64)]) -> ChartLine {
        let points = points.iter().copied().map(ChartPoint::from).collect();
        ChartLine { name: name.to_owned(), dashed: false, points }
    }

    fn panel(logarithmic: bool, lines: Vec<ChartLine>) -> Chart {
        let axis = |label: &str| ChartAxis { label: label.to_owned(), logarithmic };
        Chart { heading: "A <panel>".to_owned(), x: axis("x"), y: axis("y"), lines }
    }

    #[test]
    fn what_has_no_place_leaves_a_gap() {
        let points = [(1.0, 0.5), (2.0, f64::NAN), (3.0, 0.0), (4.0, 1.0), (5.0, 2.0)];
        let runs = |logarithmic| {
            let panel = panel(logarithmic, vec![line("a", &points)]);
            let shapes = chart(&[panel], &mut Colours::default()).unwrap().shapes;
            let colour = SERIES[0];
            let own = shapes.into_iter().filter_map(|shape| match shape {
                Shape::Line { points, colour: painted, .. } if painted == colour => {
                    Some(points.len())
                }
                _ => None,
            });
            // The last is the piece of line in the legend.
            own.filter(|&length| length > 0).collect::<Vec<_>>()
        };
        assert_eq!(runs(false), [1, 3, 2]);
        assert_eq!(runs(true), [1, 2, 2]);
    }

    #[test]
    fn a_name_has_one_colour_and_one_entry() {
        let both = [
            panel(false, vec![line("a", &[(0.0, 1.0)]), line("b", &[(0.0, 2.0)])]),
            panel(false, vec![line("b", &[(0.0, 2.0)])]),
        ];
        let svg = chart(&both, &mut Colours::default()).unwrap().to_svg();
        assert_eq!(svg.matches(">b</text>").count(), 1, "{svg}");
        assert!(svg.contains("A &lt;panel&gt;"));
    }

    #[test]
    fn a_name_keeps_its_colour_from_figure_to_figure() {
        let mut colours = Colours::of(["left out", "a"]);
        let figure = |names: &[String], colours: &mut Colours| -> Vec<Colour> {
            let lines = names.iter().map(|name| line(name, &[(0.0, 1.0)])).collect();
            chart(&[panel(false, lines)], colours).unwrap();
            names.iter().map(|name| colours.colour(name)).collect()
        };
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(figure(&names(&["b", "a"]), &mut colours), [SERIES[2], SERIES[1]]);
        assert_eq!(
            figure(&names(&["a", "c", "b"]), &mut colours),
            [SERIES[1], SERIES[3], SERIES[2]]
        );
        // More names than colours: within a figure they are still told apart, as long as they can be.
        let many: Vec<String> =
            (0..SERIES.len() - 1).map(|k| format!("line {k}")).chain(["a".into()]).collect();
        let mut shown = figure(&many, &mut colours);
        assert_eq!(shown.last(), Some(&SERIES[1]));
        shown.sort_by_key(|colour| (colour.0, colour.1, colour.2));
        shown.dedup();
        assert_eq!(shown.len(), SERIES.len());
    }

    #[test]
    fn a_long_legend_takes_several_rows() {
        let names: Vec<String> = (0..12).map(|k| format!("a rather long name, {k}")).collect();
        let names: Vec<(&str, bool)> = names.iter().map(|name| (name.as_str(), false)).collect();
        let rows = legend(&names);
        assert!(rows.len() > 1);
        assert_eq!(rows.iter().map(Vec::len).sum::<usize>(), names.len());
    }

    #[test]
    fn without_a_panel_or_a_point_there_is_an_answer() {
        let mut colours = Colours::default();
        assert!(matches!(chart(&[], &mut colours), Err(ReportError::EmptyFigure { .. })));
        let empty = panel(true, vec![line("a", &[(0.0, f64::INFINITY)])]);
        let svg = chart(&[empty], &mut colours).unwrap().to_svg();
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }
}
