//! What can be wrong with a network, its parameters or its stimulus. Places are named as in the problem file, which is
//! also how the library's own structures nest.

use crate::wording::shown;
use thiserror::Error;

/// A network, parameters or a stimulus that cannot be used.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum NetworkError {
    /// A number is outside its range. Change it to what is expected.
    #[error("{place} is {value:?}; it must be {expected}")]
    Value {
        /// Where the number stands.
        place: String,
        /// What stands there.
        value: f64,
        /// What may stand there.
        expected: &'static str,
    },
    /// A list has the wrong length. Give one entry for each of what the message names.
    #[error("{place} has {found} entries; it must have {expected}, one for each {of}")]
    Length {
        /// Where the list stands.
        place: String,
        /// Its length.
        found: usize,
        /// The length that fits.
        expected: usize,
        /// What it has one entry for.
        of: &'static str,
    },
    /// An index points outside of what it counts.
    #[error("{place} is {index}, but there are only {count} {of}; counting starts at 0")]
    Index {
        /// Where the index stands.
        place: String,
        /// The index.
        index: usize,
        /// How many there are.
        count: usize,
        /// Of what.
        of: &'static str,
    },
    /// A name is taken twice, or is the reserved name of the inputs.
    #[error("{place} is \"{}\"; a name must be unique and not \"input\"", shown(.name))]
    Name {
        /// Where the name stands.
        place: String,
        /// The name.
        name: String,
    },
    /// More synapses than an engine can number; nothing was allocated for them.
    #[error("{place} brings the number of synapses to {count}; at most {limit} are supported")]
    TooManySynapses {
        /// Which connection.
        place: String,
        /// Synapses up to there.
        count: u64,
        /// The limit.
        limit: u64,
    },
    /// More neurons and inputs than an engine holds; nothing was allocated for them.
    #[error(
        "{place} brings the number of neurons and inputs to {count}; at most {limit} are supported"
    )]
    TooLarge {
        /// Where the size stands.
        place: String,
        /// Neurons and inputs up to there.
        count: u64,
        /// The limit.
        limit: usize,
    },
}
