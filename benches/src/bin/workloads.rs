//! Time per sample of every workload, forward and with gradient, on one core and on all, as one JSON object.
//!
//! ```sh
//! cargo run --release -p spikegrad-bench --bin workloads -- --workload w1 --seconds 1
//! ```
//! Times are medians over interleaved repeats of the whole batch, warm, with the 10 % and 90 % quantiles, in microseconds per
//! sample. `gradient` is value and gradient together, through a batch of the facade's `Evaluator`, which is kept, with its
//! parameters set before each batch. `engine` says which engine ran and why;
//! `event_loop` holds the medians of the event loop, which took turns with the sweep, or was the engine anyway;
//! `given_up_by_sweep` how many passes the sweep left to the event loop. The limits of the machine are measured in the same
//! run. Not here: other libraries (`benches/peers/run.py`).
#![expect(clippy::print_stderr, reason = "progress of a program")]

use clap::Parser;
use rayon::{ThreadPool, ThreadPoolBuilder};
use serde_json::{Value, json};
use spikegrad::{Cotangents, Evaluator, Settings, Trace, explain, value_batch};
use spikegrad_bench::engine::{Choice, Engine};
use spikegrad_bench::machine::{Limits, Machine};
use spikegrad_bench::memory::TraceBytes;
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

/// Median in microseconds per sample.
fn median(quantiles: Quantiles, samples: usize) -> Value {
    per_sample(quantiles, samples)["median"].take()
}

/// Passes that the sweep left to the event loop, and bytes of a trace per spike, over all samples.
fn look_into(workload: &Workload) -> (u64, f64) {
    let mut engine = Engine::new(&workload.network, &workload.parameters, Choice::Automatic);
    let (mut trace, mut cotangents) = (Trace::default(), Cotangents::default());
    let (mut bytes, mut spikes) = (0, 0);
    for example in &workload.examples {
        engine.forward(&example.stimulus, &*example.loss, &mut trace);
        if workload.has_gradient {
            engine.evaluate(&*example.loss, &trace, &mut cotangents);
            engine.backward(&trace, &cotangents);
        }
        let of_trace = TraceBytes::of(&trace);
        bytes += of_trace.total();
        spikes += of_trace.spikes;
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let per_spike = bytes as f64 / spikes as f64;
    (engine.given_up(), per_spike)
}

fn measure(workload: &Workload, cores: usize, seconds: f64) -> Value {
    let Workload { network, parameters, .. } = workload;
    let samples = &*workload.samples();
    let explanation = explain(network, parameters, &SETTINGS).expect("valid parameters");
    let engines = if explanation.is_swept() {
        vec![Choice::Automatic, Choice::EventLoop]
    } else {
        vec![Choice::Automatic]
    };
    let pools = [pool(1), pool(cores)];
    // Engine by engine: forward on one core and on all, then the gradient on one core and on all.
    let mut runs: Vec<Box<dyn FnMut() + '_>> = Vec::new();
    for &engine in &engines {
        let settings = Settings { engine, ..SETTINGS };
        let ready = || Evaluator::new(network, parameters, settings).expect("valid parameters");
        for pool in &pools {
            runs.push(Box::new(move || {
                pool.install(|| value_batch(network, parameters, samples, &settings, |_, _| ()))
                    .expect("a finite run");
            }));
        }
        for pool in pools.iter().filter(|_| workload.has_gradient) {
            let mut evaluator = ready();
            let mut gradient = parameters.zeros_like();
            runs.push(Box::new(move || {
                // As in training: each batch has parameters of its own.
                evaluator.set_parameters(parameters).expect("valid parameters");
                pool.install(|| evaluator.value_and_grad_batch(samples, &mut gradient, |_, _| ()))
                    .expect("a gradient");
            }));
        }
    }
    let mut candidates: Vec<&mut dyn FnMut()> =
        runs.iter_mut().map(|run| &mut **run as &mut dyn FnMut()).collect();
    let times = interleaved(&mut candidates, seconds);
    let (automatic, rest) = times.split_at(times.len() / engines.len());
    let event_loop = if rest.is_empty() { automatic } else { rest };
    let counts = workload.counts();
    let n = samples.len();
    let (given_up, trace_bytes_per_spike) = look_into(workload);
    #[expect(clippy::cast_precision_loss, reason = "a few samples")]
    let per_event = |q: &Quantiles| q.median * 1e9 / n as f64 / counts.synaptic_events;
    let both = |times: &[Quantiles], show: fn(Quantiles, usize) -> Value| {
        let [one, all] = [0, 1].map(|k| show(times[k], n));
        json!({"one_core": one, "all_cores": all})
    };
    let mut answer = json!({
        "samples": n,
        "counts_per_sample": counts,
        "engine": explanation.to_string(),
        "given_up_by_sweep": given_up,
        "trace_bytes_per_spike": trace_bytes_per_spike,
        "forward_us": both(automatic, per_sample),
        "ns_per_synaptic_event": {"forward": per_event(&automatic[0])},
        "event_loop": {"forward_us": both(event_loop, median)},
    });
    if workload.has_gradient {
        answer["gradient_us"] = both(&automatic[2..], per_sample);
        answer["ns_per_synaptic_event"]["gradient"] = json!(per_event(&automatic[2]));
        answer["event_loop"]["gradient_us"] = both(&event_loop[2..], median);
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
