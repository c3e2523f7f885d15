//! Memory of a trace: bytes per spike of an MNIST-shaped sample, over spike counts from few to many.
//!
//! ```sh
//! cargo run --release -p spikegrad-bench --bin memory
//! ```
//! Workload W2 (784-350-10, first sample) with its hidden weights scaled, so that the spikes grow and nothing else does. The
//! figures are sizes, not times: a busy machine gives the same. Not here: what is counted (`spikegrad_bench::memory`).
#![expect(clippy::print_stdout, reason = "the answer of a program")]
#![expect(clippy::cast_precision_loss, reason = "bytes far below 2^53")]

use clap::Parser;
use spikegrad::Trace;
use spikegrad_bench::Workload;
use spikegrad_bench::engine::{Choice, Engine};
use spikegrad_bench::memory::{SPIKE, TraceBytes, of_layers};

/// Bytes per spike of a trace, over spike counts
#[derive(Debug, Parser)]
struct Arguments {
    /// Scale the hidden weights of W2 by each of these; 0.637 is `w2_sparse`, 1.88 is `w2_dense`
    #[arg(
        long = "scales",
        value_name = "X",
        value_delimiter = ',',
        default_values_t = [0.637, 0.9, 1.3, 1.88, 3.0, 5.0, 10.0, 20.0]
    )]
    scales: Vec<f64>,
}

fn main() {
    let Arguments { scales } = Arguments::parse();
    println!("bytes of the trace of a W2 sample; one spike is {SPIKE} bytes");
    println!(
        "{:>6} {:>7} {:>10} {:>10} {:>7} {:>9} {:>10} | {:>10} | {:>7}",
        "scale",
        "spikes",
        "spike data",
        "reserved",
        "inputs",
        "read-outs",
        "trace",
        "per spike",
        "layers"
    );
    for scale in scales {
        let workload = Workload::w2_scaled(scale);
        let mut engine = Engine::new(&workload.network, &workload.parameters, Choice::Automatic);
        let (mut trace, example) = (Trace::default(), &workload.examples[0]);
        engine.forward(&example.stimulus, &*example.loss, &mut trace);
        let bytes = TraceBytes::of(&trace);
        println!(
            "{scale:>6} {:>7} {:>10} {:>10} {:>7} {:>9} {:>10} | {:>10.1} | {:>7}",
            bytes.spikes,
            bytes.of_spikes,
            bytes.reserved,
            bytes.of_inputs,
            bytes.of_readouts,
            bytes.total(),
            bytes.total() as f64 / bytes.spikes as f64,
            engine.layers().map_or(0, of_layers),
        );
    }
}
