//! Runs one workload a fixed number of times, for tools that count instructions.
//!
//! ```sh
//! cargo build --release -p spikegrad-bench --bin count
//! valgrind --tool=callgrind target/release/count w1 1 --samples 4
//! ```
//! `benches/callgrind.sh` runs it and divides by the synaptic events, which are printed here. Not here: time.
#![expect(clippy::print_stdout, reason = "the answer of a program")]

use clap::Parser;
use spikegrad::Trace;
use spikegrad_bench::engine::Engine;
use spikegrad_bench::{NAMES, Workload};

/// Runs one workload a fixed number of times, on one thread
#[derive(Debug, Parser)]
struct Arguments {
    /// The workload
    #[arg(value_parser = NAMES)]
    workload: String,
    /// How often
    #[arg(default_value_t = 1)]
    times: usize,
    /// Use the first samples only
    #[arg(long, default_value_t = usize::MAX)]
    samples: usize,
}

fn main() {
    let Arguments { workload, times, samples } = Arguments::parse();
    let workload = Workload::by_name(&workload).expect("a name of the list");
    let mut engine = Engine::new(&workload.network, &workload.parameters);
    let (mut trace, mut arrivals, mut spikes) = (Trace::default(), 0, 0);
    for _ in 0..times {
        for example in workload.examples.iter().take(samples) {
            engine.forward(&example.stimulus, &*example.loss, &mut trace);
            if workload.has_gradient {
                let cotangents = engine.evaluate(&*example.loss, &trace);
                engine.backward(&trace, &cotangents);
            }
            arrivals += trace.arrivals;
            spikes += trace.spikes.len();
        }
    }
    println!("synaptic_events {arrivals} spikes {spikes}");
}
