//! What spikegrad leaves for people to look at: figures, and pages that hold them.
//!
//! A [`plot`] is a picture out of plain numbers, a [`Page`] one HTML file that needs nothing else, and [`write_beside`] puts either
//! on the disk in one step.
//!
//! Not here: networks, runs and studies, which decide what is drawn, and figures that only one of them has.

mod error;
mod file;
mod markup;
mod page;
pub mod plot;

pub use error::ReportError;
pub use file::{TEMPORARY_PREFIX, write_beside};
pub use page::{Column, Figure, Page, Table};
