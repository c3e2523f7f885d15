//! The problem file, version 1: one JSON document that states a network, its input, and its loss.
//!
//! [`Problem::from_json`] reads and checks it; [`Answer`] writes a result in its shape, every derivative where its number
//! stands. The documents (`document.rs`, and the losses) are the format, word for word; a change of meaning is a new version.
//!
//! Not here: files and standard input (the command line), the losses (`crate::loss`).

mod answer;
mod currents;
mod document;
mod error;
mod numbers;
mod quantities;
mod read;
mod write;

pub use answer::{Answer, GradientAnswer};
pub use currents::CurrentDocument;
pub use document::{
    ConnectionDocument, Entries, NetworkDocument, Numbers, OneOrMany, PopulationDocument,
    ProblemDocument, ReceptorDocument, StimulusDocument, SynapseDocument,
};
pub(crate) use document::{Object, present};
pub use error::ProblemError;
pub use numbers::Number;
pub use quantities::Named;
pub use read::{MAX_FILE_BYTES, Problem, schema};
