//! Runs a workload on command, over standard input and output: how the comparison with other libraries drives this one.
//!
//! One JSON object a line in, one out. `{"workload": "w1", "what": "gradient", "seconds": 0.5}` runs batches for half a
//! second and answers with the time of each in seconds, by the clock and of the processor, and the number of samples of a batch. `what` is `forward` or
//! `gradient`. The thread count is an argument. Not here: who asks (`benches/peers/run.py`).

use clap::Parser;
use rayon::{ThreadPool, ThreadPoolBuilder};
use serde::Deserialize;
use serde_json::json;
use spikegrad::{Evaluator, Parameters, Settings, WithRespectTo};
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

/// A workload with what a program that trains has between its batches: a network laid out, and memory.
struct Ready {
    workload: Workload,
    counts: Counts,
    evaluator: Evaluator,
    gradient: Parameters,
}

impl Ready {
    fn new(workload: Workload, settings: Settings) -> Self {
        let Workload { network, parameters, .. } = &workload;
        let evaluator = Evaluator::new(network, parameters, settings).expect("valid parameters");
        let (counts, gradient) = (workload.counts(), parameters.zeros_like());
        Self { workload, counts, evaluator, gradient }
    }

    /// A batch, with parameters of its own as in training.
    fn gradient(&mut self) {
        let Self { workload, evaluator, gradient, .. } = self;
        evaluator.set_parameters(&workload.parameters).expect("valid parameters");
        evaluator
            .value_and_grad_batch(&workload.samples(), gradient, |_, _| ())
            .expect("a gradient");
    }

    fn forward(&mut self) {
        let Self { workload, evaluator, .. } = self;
        evaluator.set_parameters(&workload.parameters).expect("valid parameters");
        evaluator.value_batch(&workload.samples(), |_, _| ()).expect("a finite run");
    }

    /// One sample. Peers of the networks without gradient do not count building them; neither do we.
    fn one(&mut self) {
        let Self { workload, evaluator, .. } = self;
        let example = &workload.examples[0];
        evaluator.value(&example.stimulus, &*example.loss).expect("a finite run");
    }

    /// A run of `command`, warm if it is not the first.
    fn run(&mut self, command: &Command, pool: &ThreadPool) -> Times {
        match &*command.what {
            "gradient" => times(|| self.gradient(), command.seconds, pool),
            _ if self.workload.has_gradient => times(|| self.forward(), command.seconds, pool),
            _ => times(|| self.one(), command.seconds, pool),
        }
    }
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

fn main() -> io::Result<()> {
    let Arguments { threads, weights } = Arguments::parse();
    let with_respect_to = WithRespectTo { time_constants: !weights, input_times: !weights };
    let settings = Settings { with_respect_to, ..SETTINGS };
    let pool = ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    let mut known: BTreeMap<String, Ready> = BTreeMap::new();
    for line in io::stdin().lock().lines() {
        let command: Command = serde_json::from_str(&line?)?;
        let ready = known.entry(command.workload.clone()).or_insert_with(|| {
            Ready::new(Workload::by_name(&command.workload).expect("a known workload"), settings)
        });
        let (times, processor) = ready.run(&command, &pool);
        let answer = json!({
            "times": times, "processor": processor,
            "samples": ready.workload.examples.len(), "counts": ready.counts,
        });
        writeln!(io::stdout(), "{answer}")?;
        io::stdout().flush()?;
    }
    Ok(())
}
