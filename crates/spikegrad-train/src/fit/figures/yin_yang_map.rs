//! The Yin-Yang data set (left) beside what a network makes of the plane (right).
//!
//! The map on the right is asked of the network cell by cell: [`DecisionMap::centres`] says where.
//! Colour is the decision and its strength the confidence; the true borders are drawn over both
//! panels, and the test points that the network gets wrong are ringed in black.
//!
//! Not here: the network.

use std::f64::consts::PI;

use spikegrad::dynamics::math;
use spikegrad_report::ReportError;
use spikegrad_report::plot::palette::{BLUE, Colour, GREEN, INK, ORANGE, WHITE, mix};
use spikegrad_report::plot::{Axis, HEADING, NORMAL, Panel, Picture, Position, approximate};

use crate::data::yin_yang::{R_BIG, R_SMALL, class_at};

/// What a network says about a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Decision {
    /// The class it chooses; `None` if its output is silent or tied.
    pub(super) class: Option<usize>,
    /// How sure it is, from ⅓ (a guess among three classes) to 1.
    pub(super) confidence: f64,
}

/// A network's decisions over the unit square.
#[derive(Clone, Copy, Debug)]
pub(super) struct DecisionMap<'a> {
    /// Number of cells to a side.
    pub(super) size: usize,
    /// The decisions in the order of [`centres`](Self::centres), `size` × `size` of them.
    pub(super) decisions: &'a [Decision],
}

/// A test point with its true class and the network's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ClassifiedPoint {
    /// First coordinate.
    pub(super) x: f64,
    /// Second coordinate.
    pub(super) y: f64,
    /// True class.
    pub(super) label: usize,
    /// The network's class; `None` if its output is silent or tied.
    pub(super) predicted: Option<usize>,
}

impl DecisionMap<'_> {
    /// Returns the centres (x, y) of the cells of a map: the lowest row first, each from left to
    /// right.
    pub(super) fn centres(size: usize) -> impl Iterator<Item = (f64, f64)> {
        (0..size).flat_map(move |row| {
            (0..size).map(move |column| (centre(column, size), centre(row, size)))
        })
    }

    /// The decision of the cell around a place of the unit square.
    fn at(&self, x: f64, y: f64) -> Option<Decision> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "rounded down on purpose; the cast saturates at 0"
        )]
        let index = |share: f64| ((share * approximate(self.size)) as usize).min(self.size - 1);
        self.decisions.get(index(y) * self.size + index(x)).copied()
    }
}

const WIDTH: f64 = 920.0;
const HEIGHT: f64 = 532.0;
const TOP: f64 = 48.0;
const SIDE: f64 = 392.0;
const LEFT_PANEL: f64 = 54.0;
const RIGHT_PANEL: f64 = 512.0;

/// The unit square, with room for marks at its edge.
const RANGE: (f64, f64) = (-0.02, 1.02);

const NAMES: [&str; 3] = ["yin", "yang", "dot"];
const COLOURS: [Colour; 3] = [BLUE, ORANGE, GREEN];
const UNDECIDED: Colour = Colour(200, 200, 200);

/// Steps of confidence: few enough that neighbouring cells join to one shape of the SVG.
const SHADES: f64 = 6.0;

/// Draws the true regions with the points (left) and the decisions with the errors (right).
///
/// # Errors
///
/// [`ReportError::EmptyFigure`] if the map has no cells, or not `size` × `size` of them.
pub(super) fn yin_yang_map(
    map: &DecisionMap<'_>,
    points: &[ClassifiedPoint],
) -> Result<Picture, ReportError> {
    if map.size == 0 || map.size.checked_mul(map.size) != Some(map.decisions.len()) {
        return Err(ReportError::EmptyFigure {
            missing: "the map has not as many decisions as cells",
        });
    }
    let mut picture = Picture::new(WIDTH, HEIGHT);
    let (truth, decisions) = (panel(LEFT_PANEL), panel(RIGHT_PANEL));
    draw_truth(&mut picture, &truth, points);
    draw_decisions(&mut picture, &decisions, map, points);
    let wrong = points.iter().filter(|point| is_wrong(point)).count();
    let accuracy = 100.0 * (1.0 - approximate(wrong) / approximate(points.len().max(1)));
    for (panel, heading) in [
        (&truth, format!("Yin-Yang: {} test points", points.len())),
        (&decisions, format!("Decisions of the network: {accuracy:.1} % right")),
    ] {
        picture.text(heading, (panel.upper_left.0, TOP - 15.0), HEADING);
        panel.draw_frame(&mut picture);
        panel.draw_x_label(&mut picture);
        panel.draw_y_label(&mut picture, 36.0);
    }
    draw_legend(&mut picture, wrong);
    Ok(picture)
}

fn panel(left: f64) -> Panel {
    Panel {
        upper_left: (left, TOP),
        lower_right: (left + SIDE, TOP + SIDE),
        x: Axis::with_step(RANGE, 0.2, "x"),
        y: Axis::with_step(RANGE, 0.2, "y"),
    }
}

fn draw_truth(picture: &mut Picture, panel: &Panel, points: &[ClassifiedPoint]) {
    panel.draw_grid(picture);
    draw_cells(picture, panel, |x, y| Some(mix(colour(class_at(x, y)), WHITE, 0.3)));
    draw_borders(picture, panel);
    for point in points {
        let place = panel.at(point.x, point.y);
        picture.disc(place, 2.6, WHITE);
        picture.disc(place, 2.0, mix(colour(Some(point.label)), INK, 0.85));
    }
}

fn draw_decisions(
    picture: &mut Picture,
    panel: &Panel,
    map: &DecisionMap<'_>,
    points: &[ClassifiedPoint],
) {
    panel.draw_grid(picture);
    draw_cells(picture, panel, |x, y| map.at(x, y).map(shade));
    draw_borders(picture, panel);
    for point in points.iter().filter(|point| !is_wrong(point)) {
        let place = panel.at(point.x, point.y);
        picture.disc(place, 1.2, mix(colour(Some(point.label)), INK, 0.6));
    }
    for point in points.iter().filter(|point| is_wrong(point)) {
        draw_wrong(picture, panel.at(point.x, point.y), colour(Some(point.label)));
    }
}

fn draw_wrong(picture: &mut Picture, place: Position, colour: Colour) {
    picture.disc(place, 5.0, INK);
    picture.disc(place, 3.8, WHITE);
    picture.disc(place, 3.0, colour);
}

fn is_wrong(point: &ClassifiedPoint) -> bool {
    point.predicted != Some(point.label)
}

/// Colours the disc cell by cell, neighbours of one colour in one piece.
///
/// Where two pieces only meet, a screen shows the sheet between them: at its edge each covers a part of a pixel, and parts do not
/// add up to a whole. So each reaches under those that are painted after it, and the rows are painted from the rim to the
/// middle, where each lies within the next.
fn draw_cells(
    picture: &mut Picture,
    panel: &Panel,
    colour_at: impl Fn(f64, f64) -> Option<Colour>,
) {
    /// A cell is about a point wide: the borders, drawn over them, hide the steps.
    const CELLS: usize = 392;
    /// More than a pixel of a small screen, on which the picture is half as large.
    const UNDER: f64 = 3.0;
    let edge = |index: usize| approximate(index) / approximate(CELLS);
    let from_the_rim = (0..CELLS / 2).chain((CELLS / 2..CELLS).rev());
    for row in from_the_rim {
        let y = centre(row, CELLS);
        let colours: Vec<Option<Colour>> = (0..CELLS)
            .map(|column| centre(column, CELLS))
            .map(|x| class_at(x, y).and_then(|_| colour_at(x, y)))
            .collect();
        let (above, below) = match row {
            row if row < CELLS / 2 => (UNDER, 0.0),
            row if row > CELLS / 2 => (0.0, UNDER),
            // The last of all lies on what is there.
            _ => (0.0, 0.0),
        };
        let mut start = 0;
        for piece in colours.chunk_by(|one, other| one == other) {
            let end = start + piece.len();
            if let Some(colour) = piece[0] {
                let (left, bottom) = panel.at(edge(start), edge(row));
                let (right, top) = panel.at(edge(end), edge(row + 1));
                let is_last = colours.get(end).is_none_or(Option::is_none);
                let under = if is_last { 0.0 } else { UNDER };
                picture.rectangle((left, top - above), (right + under, bottom + below), colour);
            }
            start = end;
        }
    }
}

/// Draws the true borders: the rim, the two half circles between yin and yang, and the dots.
fn draw_borders(picture: &mut Picture, panel: &Panel) {
    let (disc, dot) = (R_BIG, R_SMALL);
    let mut arc = |centre: f64, radius: f64, from: f64, to: f64, width: f64| {
        const PIECES: u32 = 90;
        let angles = (0..=PIECES).map(|k| from + (to - from) * f64::from(k) / f64::from(PIECES));
        let places = angles.map(|angle| {
            let (sin, cos) = math::sin_cos(angle);
            panel.at(centre + radius * cos, disc + radius * sin)
        });
        picture.line(places.collect(), width, INK);
    };
    arc(disc, disc, 0.0, 2.0 * PI, 1.5);
    arc(0.5 * disc, 0.5 * disc, PI, 2.0 * PI, 1.0);
    arc(1.5 * disc, 0.5 * disc, 0.0, PI, 1.0);
    arc(0.5 * disc, dot, 0.0, 2.0 * PI, 1.0);
    arc(1.5 * disc, dot, 0.0, 2.0 * PI, 1.0);
}

fn draw_legend(picture: &mut Picture, wrong: usize) {
    const MIDDLE: f64 = HEIGHT - 20.0;
    let style = NORMAL;
    let baseline = MIDDLE + style.baseline();
    let mut x = LEFT_PANEL;
    for (class, name) in NAMES.into_iter().enumerate() {
        picture.disc((x + 6.0, MIDDLE), 5.0, colour(Some(class)));
        picture.text(name, (x + 17.0, baseline), style);
        x += 72.0;
    }

    let mut x = RIGHT_PANEL;
    for class in 0..NAMES.len() {
        for level in 0..6_u8 {
            let confidence = 1.0 / 3.0 + 2.0 / 3.0 * (f64::from(level) + 0.5) / SHADES;
            let colour = shade(Decision { class: Some(class), confidence });
            let left = x + 7.0 * f64::from(level);
            let top = MIDDLE - 9.0 + 6.0 * approximate(class);
            picture.rectangle((left, top), (left + 7.0, top + 6.0), colour);
        }
    }
    picture.text("unsure to sure", (x + 50.0, baseline), style);
    x += 160.0;
    picture.rectangle((x, MIDDLE - 5.0), (x + 10.0, MIDDLE + 5.0), UNDECIDED);
    picture.text("no decision", (x + 17.0, baseline), style);
    x += 112.0;
    draw_wrong(picture, (x + 6.0, MIDDLE), colour(Some(2)));
    picture.text(format!("{wrong} wrong"), (x + 17.0, baseline), style);
}

fn colour(class: Option<usize>) -> Colour {
    class.and_then(|class| COLOURS.get(class)).copied().unwrap_or(UNDECIDED)
}

fn shade(decision: Decision) -> Colour {
    // `max` also turns a confidence that is no number into a guess.
    let above_chance = (1.5 * (decision.confidence - 1.0 / 3.0)).max(0.0);
    let level = (above_chance * SHADES).floor().min(SHADES - 1.0) / (SHADES - 1.0);
    mix(colour(decision.class), WHITE, 0.15 + 0.6 * level)
}

/// The centre of a cell among `size` between 0 and 1.
fn centre(index: usize, size: usize) -> f64 {
    (approximate(index) + 0.5) / approximate(size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use spikegrad_report::plot::Shape;

    /// A map of the true classes, sure near the middle, undecided in a corner.
    fn decisions(size: usize) -> Vec<Decision> {
        DecisionMap::centres(size)
            .map(|(x, y)| Decision {
                class: class_at(x, y).filter(|_| x + y > 0.4),
                confidence: 1.0 - math::hypot(x - 0.5, y - 0.5),
            })
            .collect()
    }

    #[test]
    fn cells_are_found_where_their_centres_are() {
        let map = DecisionMap { size: 7, decisions: &decisions(7) };
        for (index, (x, y)) in DecisionMap::centres(7).enumerate() {
            assert_eq!(map.at(x, y), Some(map.decisions[index]));
        }
        assert!(map.at(1.0, 0.0).is_some(), "the last edge belongs to the last cell");
    }

    #[test]
    fn right_and_wrong_answers_are_counted() {
        let points = [
            ClassifiedPoint { x: 0.25, y: 0.5, label: 2, predicted: Some(2) },
            ClassifiedPoint { x: 0.5, y: 0.7, label: 1, predicted: None },
        ];
        let map = DecisionMap { size: 20, decisions: &decisions(20) };
        let svg = yin_yang_map(&map, &points).unwrap().to_svg();
        assert!(svg.contains("50.0 % right") && svg.contains("1 wrong"));
    }

    #[test]
    fn no_sheet_is_seen_between_two_pieces_on_a_screen_of_any_size() {
        let panel = panel(0.0);
        let mut picture = Picture::new(WIDTH, HEIGHT);
        // Stripes, so that there are pieces side by side as well.
        let stripes = |x: f64, _: f64| Some(if math::sin(30.0 * x) > 0.0 { BLUE } else { ORANGE });
        draw_cells(&mut picture, &panel, stripes);
        let pieces: Vec<(Position, Position)> = picture
            .shapes
            .iter()
            .filter_map(|shape| match shape {
                Shape::Rectangle { upper_left, lower_right, .. } => {
                    Some((*upper_left, *lower_right))
                }
                _ => None,
            })
            .collect();
        // What is left of the sheet in a pixel from `from` to `to`, after pieces that each cover a part of it.
        let sheet = |from: Position, to: Position| {
            pieces.iter().fold(1.0, |sheet, (upper_left, lower_right)| {
                let width = (lower_right.0.min(to.0) - upper_left.0.max(from.0)).max(0.0);
                let height = (lower_right.1.min(to.1) - upper_left.1.max(from.1)).max(0.0);
                sheet * (1.0 - width * height / ((to.0 - from.0) * (to.1 - from.1)))
            })
        };
        let (left, top) = panel.at(0.15, 0.85);
        let (right, bottom) = panel.at(0.85, 0.15);
        for pixel in [1.0, 1.02, 1.37, 2.0] {
            let along = |start: f64, end: f64| {
                (0_u32..)
                    .map(move |k| start + pixel * f64::from(k))
                    .take_while(move |x| x + pixel < end)
            };
            // Off the middle, so that the lines cross many pieces.
            let down = along(top, bottom).map(|y| sheet((150.3, y), (150.3 + pixel, y + pixel)));
            let across = along(left, right).map(|x| sheet((x, 200.7), (x + pixel, 200.7 + pixel)));
            let most = down.chain(across).fold(0.0, f64::max);
            assert!(most < 1e-12, "{most} of the sheet is seen with pixels of {pixel} points");
        }
    }

    #[test]
    fn a_map_of_the_wrong_size_is_refused() {
        for size in [0, 3, usize::MAX] {
            let map = DecisionMap { size, decisions: &decisions(2) };
            let error = yin_yang_map(&map, &[]).unwrap_err();
            assert!(matches!(error, ReportError::EmptyFigure { .. }), "{size}");
        }
    }

    #[test]
    fn a_surer_decision_is_darker() {
        let brightness = |confidence| {
            let Colour(red, ..) = shade(Decision { class: Some(0), confidence });
            red
        };
        assert!(brightness(1.0) < brightness(0.6) && brightness(0.6) < brightness(0.33));
        assert_eq!(brightness(f64::NAN), brightness(0.0));
    }
}
