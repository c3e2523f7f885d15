//! Why a problem file is refused: one sentence, with the place.

use crate::NetworkError;
use crate::wording::{json_reason, shown};
use thiserror::Error;

/// A problem file that is not valid.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProblemError {
    /// Not JSON, a key or a type that the format does not have, or a number that a double cannot hold.
    #[error("{}{}", at(.place), json_reason(.source))]
    Json {
        /// Where, as far as it was read.
        place: String,
        /// What the JSON reader says, with line and column.
        source: serde_json::Error,
    },
    /// The file states something impossible.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A word that stands for something else, or for nothing.
    #[error("{place} is \"{}\"; it must be {expected}", shown(.found))]
    Word {
        /// Where the word stands.
        place: String,
        /// The word.
        found: String,
        /// What may stand there.
        expected: String,
    },
    /// A parameter that the model does not have.
    #[error("{place}.{} stands where no such parameter may: {expected}", shown(.key))]
    Parameter {
        /// Where the parameters stand.
        place: String,
        /// The parameter.
        key: String,
        /// Which parameters there are.
        expected: String,
    },
    /// Keys that exclude or need each other.
    #[error("{place} must have {expected}")]
    Keys {
        /// Where the keys stand.
        place: String,
        /// What must be there.
        expected: &'static str,
    },
    /// A file larger than is read.
    #[error("the file has more than {limit} bytes, the most that is read")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
}

fn at(place: &str) -> String {
    // An unknown part of a path is written as a question mark.
    let place = place.trim_end_matches(".?");
    if matches!(place, "" | "." | "?") { String::new() } else { format!("{}: ", shown(place)) }
}
