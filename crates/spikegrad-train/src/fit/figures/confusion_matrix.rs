//! Which class is taken for which: a row for each true class, a column for each answer.
//!
//! The last column, set apart, counts the samples without an answer. Shades are shares of a row, so
//! that rare classes are as visible as frequent ones; they grow as the square root, so that one
//! error in a hundred is still seen.
//!
//! Not here: who answered.

use spikegrad_report::ReportError;
use spikegrad_report::plot::palette::{
    BLUE, Colour, FRAME, GRID, INK, VERMILION, WHITE, ink_on, mix,
};
use spikegrad_report::plot::{
    Align, HEADING, NORMAL, Picture, SMALL, TextStyle, approximate, shortened, text_width,
};

// All lengths are in points.
const MARGIN: f64 = 16.0;
const TOP: f64 = 66.0;
/// Room for the name of an axis.
const AXIS: f64 = 22.0;
/// Distance of a class's name from the cells.
const NEAR: f64 = 7.0;
/// Longer names of classes are cut.
const LONGEST_NAME: f64 = 120.0;
/// All cells of a row together; fewer cells are at most `WIDEST_CELL`.
const CELLS: f64 = 760.0;
const WIDEST_CELL: f64 = 72.0;
/// The gap before the column of the samples without an answer.
const APART: f64 = 8.0;
/// Room right of the cells for the share of right answers.
const SHARES: f64 = 56.0;
/// Smaller numbers and names are left out.
const SMALLEST_TEXT: f64 = 5.0;

/// Heading of the column of the samples without an answer.
const NONE: &str = "none";

/// Draws how often samples of each class (rows) were given each answer (columns).
///
/// A row of `counts` has a number for each class and one more: the samples whose output was silent
/// or tied.
///
/// # Errors
///
/// [`ReportError::EmptyFigure`] if there is no class, or `counts` is not a row for each class with
/// one number more than there are classes.
pub(super) fn confusion_matrix(
    classes: &[String],
    counts: &[Vec<u32>],
) -> Result<Picture, ReportError> {
    let columns = classes.len() + 1;
    if classes.is_empty() {
        return Err(ReportError::EmptyFigure { missing: "there is no class" });
    }
    if counts.len() != classes.len() || counts.iter().any(|row| row.len() != columns) {
        return Err(ReportError::EmptyFigure {
            missing: "the counts are not a row for each class with a number for each answer",
        });
    }

    let side = (CELLS / approximate(columns)).min(WIDEST_CELL);
    let names = Names::fit(classes, side);
    let cells = Cells { left: MARGIN + AXIS + names.widest + NEAR, side, classes: classes.len() };
    let heading = heading(counts);
    let width = cells.right() + SHARES + MARGIN;
    let width = width.max(MARGIN + text_width(&heading, HEADING) + MARGIN);
    let width = width.max(MARGIN + text_width(REMARK, SMALL) + MARGIN);
    let height = cells.bottom() + NEAR + names.depth() + AXIS + MARGIN;
    let mut picture = Picture::new(width, height);
    picture.text(heading, (MARGIN, 28.0), HEADING);
    picture.text(REMARK, (MARGIN, 46.0), SMALL);
    draw_cells(&mut picture, &cells, counts);
    names.draw(&mut picture, &cells);
    draw_shares(&mut picture, &cells, names.style, counts);

    let row = f64::midpoint(TOP, cells.bottom());
    let style = NORMAL.align(Align::Middle);
    picture.text("true class", (MARGIN + 10.0, row), style.upwards());
    let column = f64::midpoint(cells.left, cells.right());
    picture.text("answer", (column, height - MARGIN), style);
    Ok(picture)
}

/// Where the cells are.
struct Cells {
    left: f64,
    side: f64,
    classes: usize,
}

impl Cells {
    fn left(&self, column: usize) -> f64 {
        let apart = if column == self.classes { APART } else { 0.0 };
        self.left + self.side * approximate(column) + apart
    }

    fn top(&self, row: usize) -> f64 {
        TOP + self.side * approximate(row)
    }

    fn right(&self) -> f64 {
        self.left(self.classes) + self.side
    }

    fn bottom(&self) -> f64 {
        self.top(self.classes)
    }
}

const REMARK: &str = "blue: right; orange: wrong; darker: a larger share of the row";

fn heading(counts: &[Vec<u32>]) -> String {
    let all: u64 = counts.iter().flatten().copied().map(u64::from).sum();
    let right: u64 = counts.iter().enumerate().map(|(row, counts)| u64::from(counts[row])).sum();
    match percent(right, all) {
        Some(percent) => format!("Answers to {all} samples: {percent:.1} % right"),
        None => "Answers to no sample".to_owned(),
    }
}

/// How much of `all` is `part`, in %; `None` of nothing.
fn percent(part: u64, all: u64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a share is shown with three digits")]
    let share = part as f64 / all as f64;
    (all > 0).then_some(100.0 * share)
}

fn draw_cells(picture: &mut Picture, cells: &Cells, counts: &[Vec<u32>]) {
    let Some(style) = number_style(cells.side, counts) else {
        draw_shades(picture, cells, counts, |_, _, _, _| ());
        return;
    };
    draw_shades(picture, cells, counts, |picture, (x, y), count, ground| {
        let colour = if count == 0 { mix(FRAME, WHITE, 0.75) } else { ink_on(ground) };
        let position = (x, y + style.baseline());
        picture.text(count.to_string(), position, TextStyle { colour, ..style });
    });
}

/// Paints the cells, each then given to `write` with its middle, its count and its colour.
fn draw_shades(
    picture: &mut Picture,
    cells: &Cells,
    counts: &[Vec<u32>],
    write: impl Fn(&mut Picture, (f64, f64), u32, Colour),
) {
    let side = cells.side;
    for (row, counts) in counts.iter().enumerate() {
        let all = counts.iter().copied().map(u64::from).sum();
        for (column, &count) in counts.iter().enumerate() {
            let share = percent(count.into(), all).unwrap_or(0.0) / 100.0;
            let hue = if row == column { BLUE } else { VERMILION };
            let ground = mix(hue, WHITE, share.sqrt());
            let (left, top) = (cells.left(column), cells.top(row));
            picture.rectangle((left, top), (left + side, top + side), GRID);
            picture.rectangle(
                (left + 0.5, top + 0.5),
                (left + side - 0.5, top + side - 0.5),
                ground,
            );
            write(picture, (left + side / 2.0, top + side / 2.0), count, ground);
        }
    }
}

/// The size at which every number fits into its cell; `None` if nobody could read it.
fn number_style(side: f64, counts: &[Vec<u32>]) -> Option<TextStyle> {
    let largest = counts.iter().flatten().max().copied().unwrap_or(0);
    let width = text_width(&largest.to_string(), NORMAL);
    let size = (NORMAL.size * 0.84 * side / width).min(NORMAL.size).min(0.6 * side);
    let style = TextStyle { size, ..NORMAL }.align(Align::Middle);
    (size >= SMALLEST_TEXT).then_some(style)
}

/// The names of the classes, cut to fit, and of the column without an answer.
struct Names {
    rows: Vec<String>,
    style: TextStyle,
    widest: f64,
    /// Whether the names of the columns run upwards, because they are wider than a cell.
    upwards: bool,
}

impl Names {
    fn fit(classes: &[String], side: f64) -> Self {
        let style = TextStyle { size: NORMAL.size.min(0.75 * side), ..NORMAL };
        let names = classes.iter().map(|name| shortened(name, style, LONGEST_NAME));
        let rows: Vec<String> = names.collect();
        let mut widest = text_width(NONE, style);
        for name in &rows {
            widest = widest.max(text_width(name, style));
        }
        Self { rows, style, widest, upwards: widest > side - 4.0 }
    }

    /// Room below the cells.
    fn depth(&self) -> f64 {
        if self.upwards { self.widest } else { self.style.size }
    }

    fn draw(&self, picture: &mut Picture, cells: &Cells) {
        if self.style.size < SMALLEST_TEXT {
            return;
        }
        let (half, baseline) = (cells.side / 2.0, self.style.baseline());
        for (row, name) in self.rows.iter().enumerate() {
            let position = (cells.left - NEAR, cells.top(row) + half + baseline);
            picture.text(name.as_str(), position, self.style.align(Align::End));
        }
        let columns = self.rows.iter().map(String::as_str).chain([NONE]);
        for (column, name) in columns.enumerate() {
            let middle = cells.left(column) + half;
            let below = cells.bottom() + NEAR;
            if self.upwards {
                let style = self.style.align(Align::End).upwards();
                picture.text(name, (middle + baseline, below), style);
            } else {
                let style = self.style.align(Align::Middle);
                picture.text(name, (middle, below + 2.0 * baseline), style);
            }
        }
    }
}

/// Writes the share of right answers at the end of each row.
fn draw_shares(picture: &mut Picture, cells: &Cells, style: TextStyle, counts: &[Vec<u32>]) {
    if style.size < SMALLEST_TEXT {
        return;
    }
    let right = cells.right() + SHARES;
    for (row, counts) in counts.iter().enumerate() {
        let all = counts.iter().copied().map(u64::from).sum();
        let share = percent(counts[row].into(), all);
        let text = share.map_or_else(|| "–".to_owned(), |share| format!("{share:.1} %"));
        let middle = cells.top(row) + cells.side / 2.0;
        let style = TextStyle { colour: INK, ..style }.align(Align::End);
        picture.text(text, (right, middle + style.baseline()), style);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of `n` classes, and counts of which most are right.
    fn matrix(n: u32) -> (Vec<String>, Vec<Vec<u32>>) {
        let names = (0..n).map(|class| format!("class {class}")).collect();
        let count = |row, column| if row == column { 950 } else { (row + 2 * column) % 7 };
        let counts = (0..n).map(|row| (0..=n).map(|column| count(row, column)).collect());
        (names, counts.collect())
    }

    #[test]
    fn a_matrix_of_any_size_is_drawn_on_a_sheet_of_bounded_size() {
        for n in [1, 3, 20, 150] {
            let (names, counts) = matrix(n);
            let picture = confusion_matrix(&names, &counts).unwrap();
            assert!(picture.width < 1100.0 && picture.height < 1100.0, "{n} classes");
            let svg = picture.to_svg();
            assert_eq!(svg.contains(">950</text>"), n < 100, "{n} classes");
            assert!(!svg.contains("NaN"));
        }
    }

    #[test]
    fn right_answers_are_counted_in_all_and_by_class() {
        let names = ["yin".to_owned(), "<dot>".to_owned()];
        let svg = confusion_matrix(&names, &[vec![3, 0, 1], vec![0, 0, 0]]).unwrap().to_svg();
        assert!(svg.contains("Answers to 4 samples: 75.0 % right") && svg.contains(">–</text>"));
        assert!(svg.contains("&lt;dot&gt;") && svg.contains(">none</text>"));
        let svg = confusion_matrix(&names, &[vec![0; 3], vec![0; 3]]).unwrap().to_svg();
        assert!(svg.contains("no sample") && !svg.contains("NaN"));
    }

    #[test]
    fn counts_that_do_not_fit_the_classes_are_refused() {
        let (names, counts) = matrix(3);
        let square: Vec<Vec<u32>> = counts.iter().map(|row| row[..3].to_vec()).collect();
        for (names, counts) in [(&names[..], &counts[..2]), (&names, &square), (&[], &[])] {
            let error = confusion_matrix(names, counts).unwrap_err();
            assert!(matches!(error, ReportError::EmptyFigure { .. }));
        }
    }
}
