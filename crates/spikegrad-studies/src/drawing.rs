//! Short ways to say what a chart and a table show.
//!
//! Not here: how they look (`spikegrad-report`).

use spikegrad_report::plot::{Chart, ChartAxis, ChartLine, ChartPoint, Colours, chart};
use spikegrad_report::{Column, Figure, ReportError, Table};

/// A linear axis.
pub(crate) fn axis(label: &str) -> ChartAxis {
    ChartAxis { label: label.to_owned(), logarithmic: false }
}

/// A logarithmic axis.
pub(crate) fn logarithmic(label: &str) -> ChartAxis {
    ChartAxis { label: label.to_owned(), logarithmic: true }
}

/// A line through points.
pub(crate) fn line(
    name: impl Into<String>,
    points: impl IntoIterator<Item = (f64, f64)>,
) -> ChartLine {
    let points = points.into_iter().map(ChartPoint::from).collect();
    ChartLine { name: name.into(), dashed: false, points }
}

/// The same as dashes: what others are compared with.
pub(crate) fn dashed(line: ChartLine) -> ChartLine {
    ChartLine { dashed: true, ..line }
}

/// A figure of panels, in the colours of the figures before it on its page.
pub(crate) fn figure(
    colours: &mut Colours,
    heading: &str,
    caption: &str,
    charts: &[Chart],
) -> Result<Figure, ReportError> {
    let svg = chart(charts, colours)?.to_svg();
    Ok(Figure { heading: heading.to_owned(), caption: caption.to_owned(), svg })
}

/// A table whose columns have no groups.
pub(crate) fn table(heading: &str, columns: &[&'static str], rows: Vec<Vec<String>>) -> Table {
    let columns = columns.iter().map(|&name| Column { group: "", name }).collect();
    Table { heading: heading.to_owned(), columns, rows }
}
