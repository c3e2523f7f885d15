//! How the program was started, so that what it tells people to type is what they can type.
//!
//! A checkout has no command `spikegrad` until it is installed: there it is `cargo run --release --`. Not here: what is typed after
//! it.

use std::ffi::OsString;
use std::path::Path;
use std::sync::OnceLock;

static CALLED_BY: OnceLock<Option<String>> = OnceLock::new();

/// Takes down what the program was called by. The first time counts.
pub(crate) fn called_by(name: Option<&OsString>) {
    CALLED_BY.get_or_init(|| name.and_then(|name| name.to_str()).map(str::to_owned));
}

/// What to type for this program.
pub(crate) fn program() -> String {
    // Cargo tells a program that it runs of which package it is.
    let by_cargo =
        std::env::var_os("CARGO_PKG_NAME").is_some_and(|name| name == env!("CARGO_PKG_NAME"));
    of(by_cargo, CALLED_BY.get().and_then(Option::as_deref))
}

/// Quotes `word` for the shell if it needs to be.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "/._-+".contains(letter);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

fn of(by_cargo: bool, first: Option<&str>) -> String {
    if by_cargo {
        let profile = if cfg!(debug_assertions) { "" } else { " --release" };
        let features = if cfg!(feature = "hdf5") { " --features hdf5" } else { "" };
        return format!("cargo run{profile}{features} --");
    }
    // A program that was found by its name is called by it, and any other by its path, as it was typed.
    let first = first.filter(|first| !first.is_empty()).unwrap_or("spikegrad");
    if Path::new(first).parent() == Some(Path::new("")) {
        "spikegrad".into()
    } else {
        quoted(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_called_as_it_was_started() {
        assert_eq!(of(false, Some("spikegrad")), "spikegrad");
        assert_eq!(of(false, Some("target/release/spikegrad")), "target/release/spikegrad");
        assert_eq!(of(false, Some("my folder/spikegrad")), "'my folder/spikegrad'");
        assert_eq!(of(false, None), "spikegrad");
        let by_cargo = of(true, Some("target/debug/spikegrad"));
        assert!(by_cargo.starts_with("cargo run") && by_cargo.ends_with(" --"), "{by_cargo}");
    }

    #[test]
    fn a_word_that_the_shell_would_change_is_quoted() {
        assert_eq!(
            [quoted("runs/a-1"), quoted("a b"), quoted("it's"), quoted("")],
            ["runs/a-1", "'a b'", r"'it'\''s'", "''"]
        );
    }
}
