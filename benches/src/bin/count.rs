//! Runs one workload a fixed number of times, for tools that count instructions.
//!
//! ```sh
//! cargo build --release -p spikegrad-bench --bin count
//! valgrind --tool=callgrind target/release/count w1 1 --samples 4
//! ```
//! `benches/callgrind.sh` runs it and divides by the synaptic events, which are printed here. Not here: time.
#![expect(clippy::print_stdout, reason = "the answer of a program")]

use clap::Parser;
use spikegrad::{Cotangents, Trace};
use spikegrad_bench::engine::{Choice, Engine};
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
    /// Use this engine
    #[arg(long, value_parser = ["automatic", "event-loop"], default_value = "automatic")]
    engine: String,
    /// Take no derivatives with respect to time constants and times of inputs
    #[arg(long)]
    weights: bool,
}

fn main() {
    let Arguments { workload, times, samples, engine, weights } = Arguments::parse();
    let choice = if engine == "event-loop" { Choice::EventLoop } else { Choice::Automatic };
    let workload = Workload::by_name(&workload).expect("a name of the list");
    let mut engine = Engine::new(&workload.network, &workload.parameters, choice);
    if weights {
        engine = engine.of_weights();
    }
    let (mut trace, mut cotangents) = (Trace::default(), Cotangents::default());
    let (mut arrivals, mut spikes) = (0, 0);
    for _ in 0..times {
        for example in workload.examples.iter().take(samples) {
            engine.forward(&example.stimulus, &*example.loss, &mut trace);
            if workload.has_gradient {
                engine.evaluate(&*example.loss, &trace, &mut cotangents);
                engine.backward(&trace, &cotangents);
            }
            arrivals += trace.arrivals;
            spikes += trace.spikes.len();
        }
    }
    let name = if engine.layers().is_some() { "sweep" } else { "event_loop" };
    let given_up = engine.given_up();
    println!("synaptic_events {arrivals} spikes {spikes} engine {name} given_up {given_up}");
}
