//! Time per sample of every workload, forward and with gradient, on one core and on all, as one JSON object.
//!
//! ```sh
//! cargo run --release -p spikegrad-bench --bin workloads -- --workload w1 --seconds 1
//! ```
//! Times are medians over interleaved repeats of the whole batch, warm, with the 10 % and 90 % quantiles, in microseconds per
//! sample. `gradient` is value and gradient together, through the facade's batches. The limits of the machine are measured in
//! the same run. Not here: other libraries (`benches/peers/run.py`).
#![expect(clippy::print_stderr, reason = "progress of a program")]

use clap::Parser;
use rayon::{ThreadPool, ThreadPoolBuilder};
use serde_json::{Value, json};
use spikegrad::{value_and_grad_batch, value_batch};
use spikegrad_bench::machine::{Limits, Machine};
use spikegrad_bench::timing::{Quantiles, interleaved};
use spikegrad_bench::workload::SETTINGS;
use spikegrad_bench::{NAMES, Workload, export};
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

/// Time per sample of the workloads, and the limits of this machine, as one JSON object
#[derive(Debug, Parser)]
struct Arguments {
    /// Measure this workload only; may be given more than once
    #[arg(long = "workload", value_name = "NAME", value_parser = NAMES)]
    workloads: Vec<String>,
    /// Measure each figure for about this long; at least three repeats
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    seconds: f64,
    /// Write the workloads into this folder, one JSON file each, and measure nothing
    #[arg(long, value_name = "DIR")]
    export: Option<PathBuf>,
}

fn pool(threads: usize) -> ThreadPool {
    ThreadPoolBuilder::new().num_threads(threads).build().expect("threads")
}

/// Quantiles in microseconds per sample, rounded to a nanosecond.
fn per_sample(quantiles: Quantiles, samples: usize) -> Value {
    #[expect(clippy::cast_precision_loss, reason = "a few samples")]
    let q = quantiles.times(1e6 / samples as f64);
    let round = |x: f64| (1e3 * x).round() / 1e3;
    json!({"median": round(q.median), "q10": round(q.q10), "q90": round(q.q90), "repeats": q.repeats})
}

fn measure(workload: &Workload, cores: usize, seconds: f64) -> Value {
    let Workload { network, parameters, .. } = workload;
    let samples = workload.samples();
    let forward = || {
        value_batch(network, parameters, &samples, &SETTINGS, |_, _| ()).expect("a finite run");
    };
    let gradient = || {
        value_and_grad_batch(network, parameters, &samples, &SETTINGS, |_, _| ())
            .expect("a gradient");
    };
    let (one, all) = (pool(1), pool(cores));
    let mut forward_one = || one.install(forward);
    let mut gradient_one = || one.install(gradient);
    let mut forward_all = || all.install(forward);
    let mut gradient_all = || all.install(gradient);
    let mut candidates: Vec<&mut dyn FnMut()> = vec![&mut forward_one, &mut forward_all];
    if workload.has_gradient {
        candidates.extend([&mut gradient_one as &mut dyn FnMut(), &mut gradient_all]);
    }
    let times = interleaved(&mut candidates, seconds);
    let counts = workload.counts();
    let n = samples.len();
    #[expect(clippy::cast_precision_loss, reason = "a few samples")]
    let per_event = |q: &Quantiles| q.median * 1e9 / n as f64 / counts.synaptic_events;
    let mut answer = json!({
        "samples": n,
        "counts_per_sample": counts,
        "forward_us": {"one_core": per_sample(times[0], n), "all_cores": per_sample(times[1], n)},
        "ns_per_synaptic_event": {"forward": per_event(&times[0])},
    });
    if let [_, _, one, all] = &times[..] {
        answer["gradient_us"] =
            json!({"one_core": per_sample(*one, n), "all_cores": per_sample(*all, n)});
        answer["ns_per_synaptic_event"]["gradient"] = json!(per_event(one));
    }
    answer
}

fn write(folder: &PathBuf, name: &str, workload: &Workload) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let path = folder.join(format!("{name}.json"));
    fs::write(&path, export::document(workload).to_string())?;
    eprintln!("{} written", path.display());
    Ok(())
}

fn main() -> io::Result<()> {
    let Arguments { workloads, seconds, export } = Arguments::parse();
    let chosen = |name: &&str| workloads.is_empty() || workloads.iter().any(|w| w == name);
    let machine = Machine::ask();
    let mut answers = serde_json::Map::new();
    for name in NAMES.into_iter().filter(chosen) {
        let workload = Workload::by_name(name).expect("a name of the list");
        if let Some(folder) = &export {
            write(folder, name, &workload)?;
            continue;
        }
        eprintln!("{name} …");
        answers.insert(name.into(), measure(&workload, machine.cores, seconds));
    }
    if export.is_none() {
        let limits = Limits::measure();
        let all = json!({"machine": machine, "limits": limits, "workloads": answers});
        writeln!(io::stdout(), "{all:#}")?;
    }
    Ok(())
}
