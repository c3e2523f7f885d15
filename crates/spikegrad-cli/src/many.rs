//! Many problems in one call: answered on all cores, and written in order, one on each line.
//!
//! A problem without an answer has a line as well, which says why. Problems are read while others are answered, and what has been
//! read is answered without waiting for more: a program may send one problem, read its answer, and send the next.
//!
//! Not here: what an answer is (`command/`).

use crate::arguments::Common;
use crate::asked::{Asked, Origin, Unread};
use crate::error::Failure;
use crate::layout;
use crate::output::Stream;
use crate::people::{self, counted};
use rayon::prelude::*;
use serde::Serialize;
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

/// Problems that wait to be answered, and that are answered at a time.
const AT_ONCE: usize = 64;

/// The problems of a call, as they are read.
pub(crate) type Problems = Box<dyn Iterator<Item = Result<Asked, Unread>> + Send>;

/// The answer to one of several problems, and what there is to say about it.
#[derive(Debug)]
pub(crate) struct Answered<A> {
    pub(crate) answer: A,
    pub(crate) warnings: Vec<String>,
}

/// A line with an answer.
#[derive(Serialize)]
struct AnswerLine<A> {
    #[serde(flatten)]
    origin: Origin,
    #[serde(flatten)]
    answer: A,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// A line without one.
#[derive(Serialize)]
struct ErrorLine {
    #[serde(flatten)]
    origin: Origin,
    error: String,
    /// The exit status that the problem alone would end with.
    status: u8,
}

/// A line, and what it counts as.
struct Line {
    text: Vec<u8>,
    is_warned: bool,
    /// Why there is no answer, and where that is.
    failure: Option<(String, Failure)>,
}

/// Writes the answer to each of `problems`, in their order.
///
/// # Errors
///
/// [`Failure::Unanswered`] if any of them has none; all others are answered.
pub(crate) fn answer_each<A: Serialize>(
    problems: Problems,
    output: Option<&Path>,
    common: &Common,
    answer: impl Fn(&Asked) -> Result<Answered<A>, Failure> + Sync,
) -> Result<(), Failure> {
    let mut tally = Tally::default();
    let mut stream = Stream::to(output);
    let read = read_ahead(problems);
    while let Some(batch) = next_batch(&read) {
        let lines: Vec<Line> =
            batch.into_par_iter().map(|asked| Line::of(asked, &answer)).collect();
        let mut text = Vec::new();
        for line in lines {
            text.extend_from_slice(&line.text);
            tally.add(line);
        }
        if stream.write(&text)?.is_break() {
            return Ok(());
        }
    }
    stream.finish()?;
    tally.end(common)
}

/// Reads problems on a thread of its own, which may wait for the next for as long as it likes.
fn read_ahead(problems: Problems) -> Receiver<Result<Asked, Unread>> {
    let (send, receive) = sync_channel(AT_ONCE);
    thread::spawn(move || {
        for problem in problems {
            // Nobody listens any more where writing failed, or the reader of the answers has gone.
            if send.send(problem).is_err() {
                return;
            }
        }
    });
    receive
}

/// What has been read; nothing at the end.
fn next_batch<T>(read: &Receiver<T>) -> Option<Vec<T>> {
    let mut batch = vec![read.recv().ok()?];
    batch.extend(read.try_iter().take(AT_ONCE - 1));
    Some(batch)
}

impl Line {
    fn of<A: Serialize>(
        asked: Result<Asked, Unread>,
        answer: impl Fn(&Asked) -> Result<Answered<A>, Failure>,
    ) -> Self {
        match asked {
            Ok(asked) => match Self::answered(&asked, answer) {
                Ok(line) => line,
                Err(failure) => Self::failed(asked.origin(), asked.place(), failure),
            },
            Err(unread) => {
                let (origin, place) = (unread.origin(), unread.place());
                Self::failed(origin, place, *unread.reason)
            }
        }
    }

    fn answered<A: Serialize>(
        asked: &Asked,
        answer: impl Fn(&Asked) -> Result<Answered<A>, Failure>,
    ) -> Result<Self, Failure> {
        let Answered { answer, warnings } = answer(asked)?;
        let is_warned = !warnings.is_empty();
        let text = layout::line(&AnswerLine { origin: asked.origin(), answer, warnings })
            .map_err(Failure::unwritable)?;
        Ok(Self { text, is_warned, failure: None })
    }

    fn failed(origin: Origin, place: String, failure: Failure) -> Self {
        let (error, status) = (failure.without_place(), failure.status());
        // Texts and a small number have a form in JSON.
        let text = layout::line(&ErrorLine { origin, error, status }).unwrap_or_default();
        Self { text, is_warned: false, failure: Some((place, failure)) }
    }
}

/// What came of all of them.
#[derive(Default)]
struct Tally {
    problems: u64,
    warned: u64,
    failed: u64,
    first: Option<(String, Failure)>,
}

impl Tally {
    fn add(&mut self, Line { is_warned, failure, .. }: Line) {
        self.problems += 1;
        self.warned += u64::from(is_warned);
        if let Some(failure) = failure {
            self.failed += 1;
            self.first.get_or_insert(failure);
        }
    }

    fn end(self, common: &Common) -> Result<(), Failure> {
        let Self { problems, warned, failed, first } = self;
        if let Some((place, first)) = first {
            return Err(Failure::Unanswered { failed, problems, place, first: Box::new(first) });
        }
        if !common.quiet {
            people::say(&format!("{} answered", counted(problems, "problem", "problems")));
            if warned > 0 {
                people::say(&format!(
                    "warning: {} with \"warnings\" in the answer",
                    counted(warned, "problem", "problems")
                ));
            }
        }
        Ok(())
    }
}
