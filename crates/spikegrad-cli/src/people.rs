//! What people are told, on standard error: the answer in a few lines, warnings, and the sentence of a failure.
//!
//! Names come out of a file that anyone may have written: control characters are shown, not sent to the terminal, and what
//! is said stays short. Not here: the answer itself (`output.rs`).

use spikegrad::network::wording::{one_line, shown};
use spikegrad::{Certificate, Explanation, Network, Tie, Trace};
use std::fmt::Display;
use std::io::{self, Write as _};
use std::time::Duration;

/// Populations that a summary lists.
const MOST_POPULATIONS: usize = 20;

/// Characters that a line may have.
const LONGEST: usize = 1000;

/// Says one line. Whether anyone listens does not matter.
pub(crate) fn say(line: &str) {
    // Not `eprintln!`, which panics if standard error is closed.
    let _ = writeln!(io::stderr().lock(), "{}", short(line));
}

/// Says warnings, one on each line.
pub(crate) fn warn(warnings: &[String]) {
    warnings.iter().for_each(|warning| say(&format!("warning: {warning}")));
}

/// The warning that a grazing policy acted.
pub(crate) fn inexact(count: usize) -> String {
    format!(
        "the gradient is not exact: --grazing acted at {}",
        counted(count, "grazing spike or touch", "grazing spikes or touches")
    )
}

/// Says which engine did the work, and why.
pub(crate) fn say_engine(explanation: &Explanation, was_swept: bool) {
    say(&explanation.to_string());
    if explanation.is_swept() && !was_swept {
        say(
            "this run holds something that a sweep leaves to the other engines, so one of these did it",
        );
    }
}

/// Says how many spikes each population has.
pub(crate) fn say_spikes(network: &Network, trace: &Trace) {
    let mut counts = vec![0_usize; network.populations().len()];
    for spike in &trace.spikes {
        counts[network.locate(spike.neuron).0] += 1;
    }
    for (population, count) in network.populations().iter().zip(counts).take(MOST_POPULATIONS) {
        let what = if population.model.spikes() {
            let neurons = counted(population.size, "neuron", "neurons");
            format!("{neurons}, {}", counted(count, "spike", "spikes"))
        } else {
            counted(population.size, "integrator", "integrators")
        };
        say(&format!("{}: {what}", shown(&population.name)));
    }
    if let Some(more @ 1..) = network.populations().len().checked_sub(MOST_POPULATIONS) {
        say(&format!("and {}", counted(more, "more population", "more populations")));
    }
}

/// Says the loss, how near the gradient is to not existing, and whether it is one-sided.
pub(crate) fn say_loss(loss: f64, certificate: &Certificate) {
    say(&format!("loss: {loss:?}"));
    if let Some(smallest) = &certificate.smallest_slope {
        let (slope, neuron, time) = (smallest.slope, &smallest.neuron, smallest.time);
        say(&format!("smallest slope at a spike: {slope:?} per second, {neuron} at {time:?} s"));
    }
    if let Some(Tie { neuron, time, .. }) = certificate.first_ties.first() {
        let count = counted(certificate.ties as u64, "tie", "ties");
        say(&format!("one-sided: {count}, the first at {neuron} at {time:?} s"));
    }
}

/// Says how much happened, and how long it took.
pub(crate) fn say_time(trace: &Trace, took: Duration) {
    let events = counted(trace.spikes.len() as u64 + trace.arrivals, "event", "events");
    say(&format!("{events} in {:?} s, done in {took:.1?}", trace.stimulus.t_end()));
}

/// A loss, with four digits after the point unless there are too many before it.
pub(crate) fn loss(value: f64) -> String {
    const PLAIN: f64 = 1e9;
    if value.abs() < PLAIN { format!("{value:.4}") } else { format!("{value:.4e}") }
}

/// `1 spike`, `2 spikes`.
pub(crate) fn counted(count: impl Display + PartialEq + From<u8>, one: &str, many: &str) -> String {
    if count == 1.into() { format!("1 {one}") } else { format!("{count} {many}") }
}

/// `text` on one line, not longer than [`LONGEST`].
fn short(text: &str) -> String {
    let line = one_line(text);
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_has_no_hundreds_of_digits() {
        assert_eq!([0.25, -123_456.0, 1e300].map(loss), ["0.2500", "-123456.0000", "1.0000e300"]);
    }

    #[test]
    fn a_line_is_one_line_whatever_it_says() {
        assert_eq!(short("out\n\u{1b}[2Jτ"), "out\\n\\u{1b}[2Jτ");
        assert_eq!(short(&"x".repeat(LONGEST)).chars().count(), LONGEST);
        assert_eq!(short(&"x".repeat(LONGEST * 5)).chars().count(), LONGEST + 1);
    }
}
