//! Reading problems: from files or standard input, and never more of one than may be valid.
//!
//! A file, or standard input, holds one problem, over as many lines as it likes; or several, one on each line (JSON lines). They are
//! told apart by the first line: where it is a whole document and another line follows, each line is one.
//!
//! Not here: which problems are asked for (`asked.rs`).

use crate::error::Failure;
use serde::de::IgnoredAny;
use spikegrad::problem::{MAX_FILE_BYTES, Problem, ProblemError};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Bytes that are read at a time.
const BUFFER: usize = 1 << 16;

/// The text of a problem, and where it came from.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) file: PathBuf,
    /// Counted from 1; nothing where the file is one problem.
    pub(crate) line: Option<u64>,
    pub(crate) bytes: Vec<u8>,
}

impl Text {
    /// Checks the problem.
    pub(crate) fn problem(&self) -> Result<Problem, Failure> {
        Problem::from_json(&self.bytes)
            .map_err(|reason| Failure::Problem { place: place(&self.file, self.line), reason })
    }
}

/// A problem that could not even be read.
#[derive(Debug)]
pub(crate) struct Unread {
    pub(crate) file: PathBuf,
    pub(crate) line: Option<u64>,
    pub(crate) reason: Box<Failure>,
}

/// Where a problem came from, for messages.
pub(crate) fn place(file: &Path, line: Option<u64>) -> String {
    match line {
        Some(line) => format!("{}, line {line}", name(file)),
        None => name(file),
    }
}

/// The name of an input, for messages.
pub(crate) fn name(path: &Path) -> String {
    if is_standard(path) { "standard input".into() } else { path.display().to_string() }
}

/// Whether `path` stands for standard input or output.
pub(crate) fn is_standard(path: &Path) -> bool {
    path == Path::new("-")
}

/// The problems of one file, or of standard input.
pub(crate) enum Texts {
    One(Text),
    /// One on each line.
    Lines(Lines),
}

/// The problems of one file, one on each line.
pub(crate) struct Lines {
    file: PathBuf,
    /// What was read to find out.
    first: Vec<(u64, Vec<u8>)>,
    rest: LineReader,
}

/// Opens the file, and finds out what it holds; `as_lines` says that it is problems on lines, be it one.
pub(crate) fn open(path: &Path, as_lines: bool) -> Result<Texts, Failure> {
    let failed = |reason| Failure::Read { place: name(path), reason };
    if !is_standard(path) && path.is_dir() {
        return Err(Failure::Folder { place: name(path) });
    }
    let reader: Box<dyn Read + Send> = match is_standard(path) {
        true => Box::new(io::stdin()),
        false => {
            let file = File::open(path).map_err(failed)?;
            // A file that says how large it is need not be read to be refused.
            if !as_lines && file.metadata().map_err(failed)?.len() > MAX_FILE_BYTES {
                return Err(too_large(path, None));
            }
            Box::new(file)
        }
    };
    let mut rest = LineReader { reader: BufReader::with_capacity(BUFFER, reader), number: 0 };
    if as_lines {
        return Ok(Texts::Lines(Lines { file: path.to_owned(), first: Vec::new(), rest }));
    }
    let mut first: Vec<(u64, Vec<u8>)> = Vec::new();
    while first.len() < 2
        && let Some((number, line)) = rest.next_line().map_err(failed)?
    {
        if line.len() as u64 > MAX_FILE_BYTES {
            return Err(too_large(path, None));
        }
        first.push((number, line));
    }
    if let [(_, head), _] = &first[..]
        && serde_json::from_slice::<IgnoredAny>(head).is_ok()
    {
        first.reverse();
        return Ok(Texts::Lines(Lines { file: path.to_owned(), first, rest }));
    }
    let mut bytes = Vec::new();
    for (number, line) in first {
        // Blank lines were left out, but count in the numbers of an error.
        let before = bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
        let blank = usize::try_from(number - 1 - before).unwrap_or(0);
        match (bytes.is_empty(), blank) {
            // Not copied: it may be all there is.
            (true, 0) => bytes = line,
            _ => {
                bytes.resize(bytes.len() + blank, b'\n');
                bytes.extend(line);
            }
        }
    }
    let left = MAX_FILE_BYTES.saturating_sub(bytes.len() as u64);
    rest.reader.take(left + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(too_large(path, None));
    }
    Ok(Texts::One(Text { file: path.to_owned(), line: None, bytes }))
}

fn too_large(path: &Path, line: Option<u64>) -> Failure {
    let reason = ProblemError::TooLarge { limit: MAX_FILE_BYTES };
    Failure::Problem { place: place(path, line), reason }
}

impl Iterator for Lines {
    type Item = Result<Text, Unread>;

    /// The next problem; after an error there is none.
    fn next(&mut self) -> Option<Self::Item> {
        let next = match self.first.pop() {
            Some(line) => Ok(Some(line)),
            None => self.rest.next_line(),
        };
        let file = self.file.clone();
        match next {
            Ok(None) => None,
            Ok(Some((number, bytes))) if bytes.len() as u64 > MAX_FILE_BYTES => {
                self.rest.end();
                let reason = Box::new(too_large(&file, Some(number)));
                Some(Err(Unread { file, line: Some(number), reason }))
            }
            Ok(Some((number, bytes))) => Some(Ok(Text { file, line: Some(number), bytes })),
            Err(reason) => {
                self.rest.end();
                let reason = Box::new(Failure::Read { place: name(&file), reason });
                Some(Err(Unread { file, line: None, reason }))
            }
        }
    }
}

/// Reads lines that hold something, with their numbers, counted from 1.
struct LineReader {
    reader: BufReader<Box<dyn Read + Send>>,
    number: u64,
}

impl LineReader {
    /// The next line that is not blank, with its break; of a line that is too long, a little more than the limit.
    fn next_line(&mut self) -> io::Result<Option<(u64, Vec<u8>)>> {
        loop {
            let mut line = Vec::new();
            let reader = &mut self.reader;
            if reader.take(MAX_FILE_BYTES + 1).read_until(b'\n', &mut line)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            if !line.trim_ascii().is_empty() {
                return Ok(Some((self.number, line)));
            }
        }
    }

    /// Reads no more.
    fn end(&mut self) {
        self.reader = BufReader::new(Box::new(io::empty()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a file with this text holds: the lines' numbers and texts, or the whole.
    fn held(text: &str, as_lines: bool) -> Vec<(Option<u64>, String)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("problems");
        std::fs::write(&path, text).unwrap();
        let text =
            |text: Text| (text.line, String::from_utf8(text.bytes).unwrap().trim().to_owned());
        match open(&path, as_lines).unwrap() {
            Texts::One(one) => vec![text(one)],
            Texts::Lines(lines) => lines.map(|line| text(line.unwrap())).collect(),
        }
    }

    #[test]
    fn one_problem_is_told_from_one_on_each_line() {
        let one = |text: &str| assert_eq!(held(text, false), [(None, text.trim().to_owned())]);
        ["", "{}", "{}\n\n", "{\n}\n", "{\n\"a\": 1}", "{} {}", "x\n{}\n", "{\n}\n{\n}"]
            .iter()
            .for_each(|text| one(text));
        let lines = |text: &str, numbers: &[u64]| {
            let expected: Vec<_> =
                numbers.iter().map(|&number| (Some(number), "{}".to_owned())).collect();
            assert_eq!(held(text, false), expected);
            assert_eq!(held(text, true), expected);
        };
        lines("{}\n{}", &[1, 2]);
        lines("\n{}\n \n\n{}\n{}\n\n", &[2, 5, 6]);
        assert_eq!(held("{}\n", true), [(Some(1), "{}".to_owned())]);
        assert_eq!(held("", true), []);
        assert_eq!(
            held("{}\nx", false)[1],
            (Some(2), "x".to_owned()),
            "a line may be wrong by itself"
        );
    }

    #[test]
    fn blank_lines_before_a_problem_count_in_its_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("problem.json");
        std::fs::write(&path, "\n\n{\n\n\"format\": 1}").unwrap();
        let Texts::One(text) = open(&path, false).unwrap() else { panic!("it is one") };
        let said = text.problem().unwrap_err().to_string();
        assert!(said.contains("at line 5 column"), "{said}");
    }
}
