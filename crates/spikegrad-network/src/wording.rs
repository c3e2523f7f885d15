//! How a sentence shows what somebody wrote: on one line, not too long, and in plain words.
//!
//! Names, keys and numbers come out of files that anyone may have written. In a sentence a line break, a control character or a
//! sign that turns the direction of writing is shown and not obeyed, and what is very long is cut in its middle, so that the rest
//! of the sentence can be read. Not here: the sentences, and those of the JSON reader (`json_reason.rs`).

#[cfg(feature = "problem-file")]
pub use crate::json_reason::json_reason;

/// Letters of a word or a number that are shown.
const LONGEST: usize = 60;

/// Letters at the end of a word that was cut in its middle.
const TAIL: usize = 15;

/// Returns `text` without anything that breaks a line, moves a cursor or turns the direction of writing: such a letter is shown by
/// its code.
///
/// # Examples
/// ```
/// use spikegrad_network::wording::one_line;
/// assert_eq!(one_line("hid\nden\u{1b}[2J τ\u{2028}"), "hid\\nden\\u{1b}[2J τ\\u{2028}");
/// ```
#[must_use]
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        if disturbs(letter) {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
    }
    line
}

/// Returns `text` as a sentence can hold it: [on one line](one_line), and cut in its middle if it has more than 60 letters.
///
/// # Examples
/// ```
/// use spikegrad_network::wording::shown;
/// assert_eq!(shown("hidden"), "hidden");
/// assert_eq!(shown(&"x".repeat(1000)).chars().count(), 60);
/// ```
#[must_use]
pub fn shown(text: &str) -> String {
    let line = one_line(text);
    let count = line.chars().count();
    if count <= LONGEST {
        return line;
    }
    let head = line.chars().take(LONGEST - TAIL - 1);
    head.chain(['…']).chain(line.chars().skip(count - TAIL)).collect()
}

/// Names that a sentence lists.
const MOST_NAMES: usize = 8;

/// Names as a sentence lists them, each [as it can be shown](shown): the first eight, and how many there are more.
pub(crate) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names = names.map(|name| format!("\"{}\"", shown(name)));
    let list = names.by_ref().take(MOST_NAMES).collect::<Vec<_>>().join(", ");
    match names.count() {
        _ if list.is_empty() => "there is none".into(),
        0 => list,
        more => format!("{list} and {more} more"),
    }
}

/// Whether a letter would do something to the line that it stands in.
fn disturbs(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            // Breaks of lines and paragraphs.
            '\u{2028}' | '\u{2029}'
            // Marks, embeddings and isolates that turn the direction of writing.
            | '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}'
            // Letters without width.
            | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_cut_in_its_middle_and_what_disturbs_is_shown() {
        let name = format!("\n{}end", "long ".repeat(1000));
        let shown = shown(&name);
        assert!(shown.starts_with("\\nlong long") && shown.ends_with("long end"), "{shown}");
        assert!(shown.contains('…') && shown.chars().count() == LONGEST, "{shown}");
        for code in (0..=0xffff_u32).filter_map(char::from_u32).filter(|&letter| disturbs(letter)) {
            assert!(!one_line(&code.to_string()).contains(code), "{code:?}");
        }
        assert_eq!(one_line("'τ' \"é\" \\ e\u{301}"), "'τ' \"é\" \\ e\u{301}");
    }
}
