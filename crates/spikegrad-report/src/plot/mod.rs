//! Figures, as `.svg` or `.png`, on machines without a single installed font.
//!
//! Each figure is a function of plain numbers that lays out a picture of a few kinds of shapes
//! (`picture.rs`), with axes where there are quantities (`axes.rs`); the same picture is then
//! rendered to either format (`render.rs`), in a font that is part of the program (`font.rs`).
//! Colours are told apart by the colour-blind.
//!
//! Each but the chart comes as a file, and each, by the function of the same name with `_svg`, as a
//! string for a [`Page`](crate::Page).
//!
//! * [`training_curves()`]: loss and error over the epochs,
//! * [`histories()`]: gradients, slopes and hidden activity over the epochs,
//! * [`confusion_matrix()`]: which class is taken for which,
//! * [`chart_svg()`]: lines over any quantity,
//! * [`activity()`]: how often, and when, hidden neurons spike,
//! * [`yin_yang_map()`]: the data set beside a network's decisions,
//! * [`raster()`]: spikes, with voltages below.
//!
//! Not here: what makes the numbers, and any opinion about which figures a run writes.

mod activity;
mod axes;
mod chart;
mod confusion_matrix;
mod font;
mod histories;
mod palette;
mod picture;
mod raster;
mod render;
mod series;
mod training_curves;
mod yin_yang_map;

pub use activity::{Activity, LayerActivity, activity, activity_svg};
pub use chart::{Chart, ChartAxis, ChartLine, ChartPoint, Colours, chart_svg};
pub use confusion_matrix::{confusion_matrix, confusion_matrix_svg};
pub use histories::{HistoryPoint, histories, histories_svg};
pub use raster::{Population, Raster, Role, Size, Spike, VoltageTrace, raster, raster_svg};
pub use training_curves::{EpochPoint, training_curves, training_curves_svg};
pub use yin_yang_map::{
    ClassifiedPoint, Decision, DecisionMap, TrueShape, yin_yang_map, yin_yang_map_svg,
};
