//! Pictures, as `.svg` or `.png`, on machines without a single installed font.
//!
//! A [`Picture`] is made of a few kinds of shapes (`picture.rs`), laid out in a font that is part of the program (`font.rs`), with a
//! [`Panel`] where there are quantities (`axes.rs`). It is written as SVG (`svg.rs`) or painted as PNG (`png.rs`). Colours can be told
//! apart by the colour-blind ([`palette`]).
//!
//! * [`chart()`]: lines over any quantity,
//! * [`raster()`]: spikes, with voltages below.
//!
//! Not here: what makes the numbers, and figures of one purpose, which stand with what they show.

mod axes;
mod chart;
mod font;
pub mod palette;
mod picture;
mod png;
mod raster;
mod svg;

pub use axes::{Axis, Panel, Scale, approximate};
pub use chart::{Chart, ChartAxis, ChartLine, ChartPoint, Colours, chart};
pub use font::{shortened, text_width};
pub use picture::{Align, HEADING, NORMAL, Picture, Position, SMALL, Shape, TextStyle};
pub use raster::{Population, Raster, Role, Size, Spike, VoltageTrace, raster};
