//! Runs a workload on command, over standard input and output: how the comparison with other libraries drives this one.
//!
//! One JSON object a line in, one out. `{"workload": "w1", "what": "gradient", "seconds": 0.5}` runs batches for half a
//! second and answers with the time of each in seconds, by the clock and of the processor, and the number of samples of a batch. `what` is `forward` or
//! `gradient`. The thread count is an argument. Not here: who asks (`benches/peers/run.py`).

use clap::Parser;
use rayon::{ThreadPool, ThreadPoolBuilder};
use serde::Deserialize;
use serde_json::json;
use spikegrad::{Evaluator, Settings, WithRespectTo, value_and_grad_batch, value_batch};
use spikegrad_bench::timing::seconds_of;
use spikegrad_bench::workload::SETTINGS;
use spikegrad_bench::{Counts, Workload};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, Write};

/// Runs workloads on command, over standard input and output
#[derive(Debug, Parser)]
struct Arguments {
    /// Use this many threads
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
    /// Take gradients of weights alone
    #[arg(long)]
    weights: bool,
}

#[derive(Debug, Deserialize)]
struct Command {
    workload: String,
    what: String,
    seconds: f64,
}

fn gradient(workload: &Workload, settings: &Settings) {
    let Workload { network, parameters, .. } = workload;
    value_and_grad_batch(network, parameters, &workload.samples(), settings, |_, _| ())
        .expect("a gradient");
}

fn forward(workload: &Workload) {
    let Workload { network, parameters, .. } = workload;
    value_batch(network, parameters, &workload.samples(), &SETTINGS, |_, _| ())
        .expect("a finite run");
}

/// Processor time that this process has used on all its threads, in seconds; 0 where the system does not tell.
fn processor_seconds() -> f64 {
    let of_thread = |entry: io::Result<fs::DirEntry>| {
        let text = fs::read_to_string(entry.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    };
    fs::read_dir("/proc/self/task").map_or(0.0, |tasks| tasks.filter_map(of_thread).sum::<f64>())
        / 1e9
}

/// Times of one batch after another in seconds, first by the clock and then of the processor, for as long as `seconds`, but
/// at least one.
fn times(mut run: impl FnMut() + Send, seconds: f64, pool: &ThreadPool) -> Times {
    let mut times = (Vec::new(), Vec::new());
    while times.0.is_empty() || times.0.iter().sum::<f64>() < seconds {
        let before = processor_seconds();
        times.0.push(pool.install(|| seconds_of(&mut run)));
        times.1.push(processor_seconds() - before);
    }
    times
}

type Times = (Vec<f64>, Vec<f64>);

/// A run of `command`, warm if it is not the first.
fn run(workload: &Workload, command: &Command, settings: &Settings, pool: &ThreadPool) -> Times {
    match &*command.what {
        "gradient" => times(|| gradient(workload, settings), command.seconds, pool),
        _ if workload.has_gradient => times(|| forward(workload), command.seconds, pool),
        // Peers of the networks without gradient do not count building them; neither do we.
        _ => {
            let mut evaluator =
                Evaluator::new(&workload.network, &workload.parameters, SETTINGS).expect("valid");
            let example = &workload.examples[0];
            let mut one = || {
                evaluator.value(&example.stimulus, &*example.loss).expect("a finite run");
            };
            one();
            times(one, command.seconds, pool)
        }
    }
}

fn main() -> io::Result<()> {
    let Arguments { threads, weights } = Arguments::parse();
    let with_respect_to = WithRespectTo { time_constants: !weights, input_times: !weights };
    let settings = Settings { with_respect_to, ..SETTINGS };
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
        let (times, processor) = run(workload, &command, &settings, &pool);
        let answer = json!({"times": times, "processor": processor, "samples": workload.examples.len(), "counts": counts});
        writeln!(io::stdout(), "{answer}")?;
        io::stdout().flush()?;
    }
    Ok(())
}
