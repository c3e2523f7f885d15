//! Why a problem file is refused: one sentence, with the place.

use crate::NetworkError;
use thiserror::Error;

/// A problem file that is not valid.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProblemError {
    /// Not JSON, a key or a type that the format does not have, or a number that a double cannot hold.
    #[error("{}{}", at(.place), in_plain_words(.source))]
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
    #[error("{place} is \"{found}\"; it must be {expected}")]
    Word {
        /// Where the word stands.
        place: String,
        /// The word.
        found: String,
        /// What may stand there.
        expected: String,
    },
    /// A parameter that the model does not have.
    #[error("{place}.{key} stands where no such parameter may: {expected}")]
    Parameter {
        /// Where the parameters stand.
        place: String,
        /// The parameter.
        key: String,
        /// Which parameters there are.
        expected: &'static str,
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
    if matches!(place, "" | "." | "?") { String::new() } else { format!("{place}: ") }
}

/// What the JSON reader says, without the names of Rust's types.
fn in_plain_words(source: &serde_json::Error) -> String {
    const WORDS: [(&str, &str); 8] = [
        ("expected u64", "expected a whole number, 0 or more"),
        ("expected f64", "expected a number"),
        ("expected a string", "expected a text"),
        ("expected a sequence", "expected a list"),
        ("type: sequence", "type: list"),
        ("type: map", "type: object"),
        ("invalid length 0, expected a tuple of size", "empty list, expected a list of length"),
        ("a tuple of size", "a list of length"),
    ];
    WORDS.iter().fold(source.to_string(), |text, (rust, plain)| text.replace(rust, plain))
}
