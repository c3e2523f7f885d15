//! What is shown while a run trains or a study goes on: on a terminal a bar with the time that is left, elsewhere a line for each
//! epoch or case; and warnings, between them.
//!
//! The time that is left is judged by what this session has done: of a run that goes on, the epochs before took none of it. It is also where an interrupt is noticed, between two batches or cases. Not here: the signal itself (`command/train.rs`).

use crate::people::{self, counted};
use indicatif::{HumanDuration, ProgressBar, ProgressState, ProgressStyle};
use spikegrad_train::{EpochRecord, Observer, Progress, Run};
use std::fmt::Write;
use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Shows how far a run has come, and ends it when it is interrupted.
#[derive(Debug)]
pub(crate) struct Screen {
    interrupted: Arc<AtomicBool>,
    epochs: u32,
    shown: Shown,
}

#[derive(Debug)]
enum Shown {
    Nothing,
    Lines,
    Bar(ProgressBar),
}

impl Screen {
    pub(crate) fn new(run: &Run, interrupted: Arc<AtomicBool>, quiet: bool) -> Self {
        let epochs = run.classifier().config().epochs;
        let batches = run.batches() as u64;
        let (all, done) = (u64::from(epochs) * batches, u64::from(run.completed()) * batches);
        Self { interrupted, epochs, shown: Shown::new(quiet, all, done) }
    }
}

impl Shown {
    fn new(quiet: bool, all: u64, done: u64) -> Self {
        match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Self::Nothing,
            (false, false) => Self::Lines,
            (false, true) => Self::Bar(bar(all, done)),
        }
    }
}

/// A bar that counts batches, of all epochs, or cases, of which `done` were done before.
fn bar(all: u64, done: u64) -> ProgressBar {
    let bar = ProgressBar::new(all).with_position(done);
    let left = move |state: &ProgressState, text: &mut dyn Write| {
        let (position, all) = (state.pos(), state.len().unwrap_or(all));
        // Writing to a line cannot fail.
        let _ = match left(
            state.elapsed(),
            position.saturating_sub(done),
            all.saturating_sub(position),
        ) {
            Some(left) => write!(text, "{:#} left", HumanDuration(left)),
            None => Ok(()),
        };
    };
    // The template is a constant; a mistake in it leaves the plain bar.
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3} % {left:>9}  {wide_msg}")
    {
        bar.set_style(style.with_key("left", left));
    }
    bar
}

/// The time that `left` pieces of work take, if `done` took `elapsed`; nobody knows before the first.
fn left(elapsed: Duration, done: u64, left: u64) -> Option<Duration> {
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let ratio = left as f64 / done as f64;
    Duration::try_from_secs_f64(elapsed.as_secs_f64() * ratio).ok().filter(|_| done > 0)
}

impl Observer for Screen {
    fn batch(&mut self, _: Progress) -> ControlFlow<()> {
        if let Shown::Bar(bar) = &self.shown {
            bar.inc(1);
        }
        match self.interrupted.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn epoch(&mut self, record: &EpochRecord) {
        match &self.shown {
            // That a gradient is not exact is said in any case.
            Shown::Nothing if record.inexact > 0 => {
                let count =
                    counted(record.inexact, "grazing spike or touch", "grazing spikes or touches");
                people::say(&format!(
                    "warning: gradients of epoch {} were not exact: --grazing acted at {count}",
                    record.epoch
                ));
            }
            Shown::Nothing => {}
            Shown::Lines => people::say(&line(record, self.epochs)),
            Shown::Bar(bar) => bar.set_message(line(record, self.epochs)),
        }
    }

    fn warn(&mut self, warning: &str) {
        let say = || people::say(&format!("warning: {warning}"));
        match &self.shown {
            Shown::Nothing => {}
            Shown::Lines => say(),
            Shown::Bar(bar) => bar.suspend(say),
        }
    }

    fn finish(&mut self) {
        const WHAT: &str = "drawing the figures, which takes some seconds";
        match &self.shown {
            Shown::Nothing => {}
            Shown::Lines => people::say(WHAT),
            Shown::Bar(bar) => bar.set_message(WHAT),
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Self::Bar(bar) = self {
            bar.abandon();
        }
    }
}

/// Shows how far a study has come, and ends it when it is interrupted.
#[derive(Debug)]
pub(crate) struct StudyScreen {
    interrupted: Arc<AtomicBool>,
    shown: Shown,
}

impl StudyScreen {
    pub(crate) fn new(interrupted: Arc<AtomicBool>, quiet: bool) -> Self {
        Self { interrupted, shown: Shown::new(quiet, 0, 0) }
    }

    /// Shows that `done` of `all` cases are done and `what` is next; false if the study is to end.
    pub(crate) fn show(&self, done: usize, all: usize, what: &str) -> bool {
        match &self.shown {
            Shown::Lines if done < all => people::say(&format!("{}/{all}: {what}", done + 1)),
            Shown::Nothing | Shown::Lines => {}
            Shown::Bar(bar) => {
                bar.set_length(all as u64);
                bar.set_position(done as u64);
                bar.set_message(what.to_owned());
            }
        }
        !self.interrupted.load(Ordering::Relaxed)
    }
}

/// An epoch in a line, the most important first: a narrow terminal cuts the rest.
fn line(record: &EpochRecord, epochs: u32) -> String {
    let slope = record
        .smallest_slope
        .map_or("no spike".to_owned(), |slope| format!("smallest slope {slope:.2e}/s"));
    format!(
        "epoch {}/{epochs}: test {:.2} %, loss {}; train {:.2} %, loss {}; {:.1} spikes a sample; {:.1} % of hidden neurons silent; {slope}; {:.2} s",
        record.epoch,
        100.0 * record.test_accuracy,
        people::loss(record.test_loss),
        100.0 * record.train_accuracy,
        people::loss(record.train_loss),
        record.spikes_per_sample,
        100.0 * record.silent_hidden,
        record.seconds,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_that_is_left_is_judged_by_this_session() {
        let seconds = |elapsed, done, rest| {
            left(Duration::from_secs(elapsed), done, rest).map(|left| left.as_secs())
        };
        assert_eq!(seconds(10, 0, 100), None);
        assert_eq!(seconds(10, 1, 100), Some(1000));
        // Ten of ninety that are left took ten seconds, whatever came before.
        assert_eq!(seconds(10, 10, 80), Some(80));
        assert_eq!(seconds(10, 10, 0), Some(0));
        assert_eq!(seconds(u64::MAX, 1, u64::MAX), None);
    }
}
