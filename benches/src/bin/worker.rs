//! Runs a workload on command, over standard input and output: how the comparison with other libraries drives this one.
//!
//! One JSON object a line in, one out. `{"workload": "w1", "what": "gradient", "seconds": 0.5}` runs batches for half a
//! second and answers with the time of each, in seconds, and the number of samples of a batch. `what` is `forward` or
//! `gradient`. The thread count is an argument. Not here: who asks (`benches/peers/run.py`).

use clap::Parser;
use rayon::{ThreadPool, ThreadPoolBuilder};
use serde::Deserialize;
use serde_json::json;
use spikegrad::{Trace, value_and_grad_batch, value_batch};
use spikegrad_bench::engine::Engine;
use spikegrad_bench::timing::seconds_of;
use spikegrad_bench::workload::SETTINGS;
use spikegrad_bench::{Counts, Workload};
use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};

/// Runs workloads on command, over standard input and output
#[derive(Debug, Parser)]
struct Arguments {
    /// Use this many threads
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
}

#[derive(Debug, Deserialize)]
struct Command {
    workload: String,
    what: String,
    seconds: f64,
}

fn gradient(workload: &Workload) {
    let Workload { network, parameters, .. } = workload;
    value_and_grad_batch(network, parameters, &workload.samples(), &SETTINGS, |_, _| ())
        .expect("a gradient");
}

fn forward(workload: &Workload) {
    let Workload { network, parameters, .. } = workload;
    value_batch(network, parameters, &workload.samples(), &SETTINGS, |_, _| ())
        .expect("a finite run");
}

/// Times of one batch after another, in seconds, for as long as `seconds`.
fn times(mut run: impl FnMut() + Send, seconds: f64, pool: &ThreadPool) -> Vec<f64> {
    let mut times = Vec::new();
    pool.install(|| {
        while times.iter().sum::<f64>() < seconds {
            times.push(seconds_of(&mut run));
        }
    });
    times
}

/// A run of `command`, warm if it is not the first.
fn run(workload: &Workload, command: &Command, pool: &ThreadPool) -> Vec<f64> {
    match &*command.what {
        "gradient" => times(|| gradient(workload), command.seconds, pool),
        _ if workload.has_gradient => times(|| forward(workload), command.seconds, pool),
        // Peers of the networks without gradient do not count building them; neither do we.
        _ => {
            let mut engine = Engine::new(&workload.network, &workload.parameters);
            let example = &workload.examples[0];
            let mut trace = Trace::default();
            let mut one = || engine.forward(&example.stimulus, &*example.loss, &mut trace);
            one();
            times(one, command.seconds, pool)
        }
    }
}

fn main() -> io::Result<()> {
    let Arguments { threads } = Arguments::parse();
    let pool = ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    let mut known: BTreeMap<String, (Workload, Counts)> = BTreeMap::new();
    for line in io::stdin().lock().lines() {
        let command: Command = serde_json::from_str(&line?)?;
        if !known.contains_key(&command.workload) {
            let workload = Workload::by_name(&command.workload).expect("a known workload");
            let counts = workload.counts();
            known.insert(command.workload.clone(), (workload, counts));
        }
        let (workload, counts) = &known[&command.workload];
        let times = run(workload, &command, &pool);
        let answer = json!({"times": times, "samples": workload.examples.len(), "counts": counts});
        writeln!(io::stdout(), "{answer}")?;
        io::stdout().flush()?;
    }
    Ok(())
}
