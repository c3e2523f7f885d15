//! Figures of a run, as `.svg` or `.png`, on machines without a single installed font.
//!
//! Each figure is a function of plain numbers that lays out a picture of a few kinds of shapes
//! (`picture.rs`), with axes where there are quantities (`axes.rs`); the same picture is then
//! rendered to either format (`render.rs`), in a font that is part of the program (`font.rs`).
//! Colours are told apart by the colour-blind.
//!
//! * [`training_curves()`]: loss and error over the epochs,
//! * [`yin_yang_map()`]: the data set beside a network's decisions,
//! * [`raster()`]: spikes, with voltages below.
//!
//! Not here: what makes the numbers, and any opinion about which figures a run writes.

mod axes;
mod font;
mod palette;
mod picture;
mod raster;
mod render;
mod training_curves;
mod yin_yang_map;

pub use raster::{Population, Spike, VoltageTrace, raster};
pub use training_curves::{EpochPoint, training_curves};
pub use yin_yang_map::{ClassifiedPoint, Decision, DecisionMap, yin_yang_map};
