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
