//! A recorded neuron: an adaptive leaky neuron with an injected current is fitted to the spikes of a grasshopper's auditory receptor.
//!
//! Without an argument a neuron whose numbers are known is recorded and fitted. With the folder of the recordings they are fitted, and compared with CMA-ES; with `coverage` the error bars of many
//! known neurons are counted. Figures: `docs/results/recorded_neuron.md`.
//!
//! ```sh
//! cargo run --release -p spikegrad-examples --example recorded_neuron
//! cargo run --release -p spikegrad-examples --example recorded_neuron -- path/to/grasshopper
//! cargo run --release -p spikegrad-examples --example recorded_neuron -- path/to/grasshopper docs/images
//! cargo run --release -p spikegrad-examples --example recorded_neuron -- coverage 1000
//! ```
//!
//! The files, in this order: what a receptor is (`receptor.rs`), what is known of it (`recording.rs`), the search (`search.rs`), how good what it finds is (`trains.rs`), what it is compared with
//! (`gradient_free.rs`), the comparison (`comparison.rs`), and neurons whose numbers are known (`synthetic.rs`).
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

mod comparison;
mod gradient_free;
mod receptor;
mod recording;
mod search;
mod synthetic;
mod trains;

use std::error::Error;
use std::path::PathBuf;

/// How long known neurons are recorded, in seconds.
const RECORDED: f64 = 4.0;

/// One neuron whose numbers are known.
fn known() -> Result<(), Box<dyn Error>> {
    let experiment = synthetic::experiment(0, RECORDED)?;
    let found = &experiment.found.point;
    println!(
        "{} spikes, off by {} ms each; {} simulations",
        experiment.recording.spikes.len(),
        1e3 * synthetic::JITTER,
        found.evaluations,
    );
    let numbers = experiment.trained.at(found.x.as_slice());
    let bars = synthetic::bars(&experiment);
    assert_eq!(bars.len(), synthetic::FITTED.len(), "every number has a bar");
    for (&position, (name, error, width)) in experiment.trained.positions.iter().zip(&bars) {
        let [truth, found] = [experiment.truth[position], numbers[position]];
        println!("{name}: {found:.5} (true {truth:.5}), off by {:.2} bars", error / width);
    }
    let outside = bars.iter().filter(|(_, error, width)| error.abs() > 2.0 * width).count();
    // A number is farther off than twice its 90 % bar, which is 3.3 standard errors, once in a thousand times.
    assert_eq!(outside, 0);
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let Some(first) = arguments.next() else { return known() };
    if first == "coverage" {
        let count = arguments.next().unwrap_or_else(|| "1000".into());
        let count = count.parse().map_err(|_| format!("{count:?} is no number of neurons"))?;
        return synthetic::coverage(count, RECORDED);
    }
    comparison::compare(&PathBuf::from(first), arguments.next().map(PathBuf::from).as_deref())
}
