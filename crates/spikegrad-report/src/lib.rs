//! What spikegrad leaves for people to look at: figures, and pages that hold them.
//!
//! A [`plot`] is a function of plain numbers, a [`Page`] one HTML file that needs nothing else, and [`write_beside`] puts either
//! on the disk in one step.
//!
//! Not here: networks, runs and studies, which decide what is drawn.

mod error;
mod file;
mod page;
pub mod plot;

pub use error::ReportError;
pub use file::{TEMPORARY_PREFIX, write_beside};
pub use page::{Column, Figure, Page, Table};
