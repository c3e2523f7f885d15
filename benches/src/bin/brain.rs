//! One simulation of a brain's size: time, memory, and the gradient of every weight.
//!
//! ```sh
//! cargo run --release -p spikegrad-bench --bin brain -- fly
//! cargo run --release -p spikegrad-bench --bin brain -- microcircuit --seconds 0.2 --repeats 1
//! ```
//! Not here: the networks (`spikegrad_bench::brain`), what came out (`docs/results/brains.md`).
#![expect(clippy::print_stdout, reason = "the answer of a program")]
#![expect(clippy::cast_precision_loss, reason = "counts become figures to read")]

use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser, Subcommand};
use rayon::ThreadPoolBuilder;
use spikegrad::{
    Derivatives, Evaluator, Loss, Network, Observation, Parameters, Settings, Stimulus, Trace,
    WithRespectTo,
};
use spikegrad_bench::brain::fly::{self, Drive};
use spikegrad_bench::brain::{Brain, microcircuit};
use spikegrad_bench::memory::peak_in_words;
use spikegrad_bench::timing::seconds_of;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Runs have as many events as they have.
const SETTINGS: Settings = Settings { max_events: u64::MAX, ..Settings::DEFAULT };

/// From when on rates are counted, in seconds, if a run is twice as long.
const SETTLED: f64 = 0.1;

/// A positive number.
fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().map_err(|_| "it must be a number".to_owned())?;
    let is_positive = number > 0.0 && f64::is_finite(number);
    is_positive.then_some(number).ok_or_else(|| "it must be positive and finite".into())
}

/// A share that leaves a neuron to each population of the microcircuit.
fn share(text: &str) -> Result<f64, String> {
    let share = positive(text)?;
    (1e-3..=1.0)
        .contains(&share)
        .then_some(share)
        .ok_or_else(|| "it must be from 0.001 to 1".into())
}

/// A number from 1 to `most`.
fn from_one_to(most: usize) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=most as u64)
}

/// A simulation of a brain's size: time, memory, and the gradient of every weight
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    network: Which,
}

#[derive(Debug, Subcommand)]
enum Which {
    /// 138,639 neurons and 15 million synapses with the statistics of a fly's brain, and the gradient of the mean spike time with respect to every weight; needs 1 GB
    Fly {
        #[command(flatten)]
        run: Run,
        /// Neurons with Poisson input
        #[arg(long, value_name = "N", default_value_t = 120, value_parser = from_one_to(fly::NEURONS))]
        stimulated: usize,
        /// Its rate
        #[arg(long, value_name = "HZ", default_value_t = 100.0, value_parser = positive)]
        rate: f64,
        /// Take the gradient with respect to time constants and input times as well
        #[arg(long)]
        everything: bool,
    },
    /// 77,169 neurons and 0.3 billion synapses, the cortical microcircuit of Potjans and Diesmann, forward; needs 16 GB
    Microcircuit {
        #[command(flatten)]
        run: Run,
        /// Share of the neurons; synapses go with its square
        #[arg(long, value_name = "X", default_value_t = 1.0, value_parser = share)]
        scale: f64,
    },
}

#[derive(Clone, Copy, Debug, Args)]
struct Run {
    /// Biological time to simulate
    #[arg(long, value_name = "S", default_value_t = 1.0, value_parser = positive)]
    seconds: f64,
    /// Seed of all that is drawn
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Threads
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = from_one_to(1024))]
    threads: usize,
    /// How often each run is repeated; the least time counts
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = from_one_to(1_000_000))]
    repeats: usize,
}

/// The mean time of all spikes: every one of them matters.
#[derive(Debug)]
struct MeanSpikeTime;

impl Loss for MeanSpikeTime {
    fn evaluate_into(&self, run: &Observation<'_>, into: &mut Derivatives<'_>) -> f64 {
        let share = 1.0 / run.spikes.len().max(1) as f64;
        into.spikes.fill(share);
        run.spikes.iter().map(|spike| share * spike.time).sum()
    }
}

/// Says how long something took, at least, and how much memory has been used so far.
fn timed<R>(what: &str, repeats: usize, mut run: impl FnMut() -> R) -> (f64, R) {
    let mut result = None;
    let times = (0..repeats).map(|_| seconds_of(|| result = Some(run())));
    let least = times.fold(f64::INFINITY, f64::min);
    println!("{what}: {least:.3} s, {}", peak_in_words());
    (least, result.expect("at least one repeat"))
}

/// What happened, and how fast that is.
fn report(trace: &Trace, run: Run, seconds: f64) {
    let active: BTreeSet<_> = trace.spikes.iter().map(|spike| spike.neuron).collect();
    println!(
        "{} spikes of {} neurons, {} synaptic events ({:.1} million a second); {:.3} times real time",
        trace.spikes.len(),
        active.len(),
        trace.arrivals,
        1e-6 * trace.arrivals as f64 / seconds,
        run.seconds / seconds,
    );
}

fn lay_out(network: &Arc<Network>, parameters: &Parameters, settings: Settings) -> Evaluator {
    let new = || Evaluator::new(Arc::clone(network), parameters, settings);
    let evaluator = timed("laid out", 1, new).1.expect("valid parameters");
    println!("{}", evaluator.explanation());
    evaluator
}

fn simulate(evaluator: &mut Evaluator, stimulus: &Stimulus, run: Run) {
    let (seconds, ()) = timed("forward", run.repeats, || {
        evaluator.simulate_forward(stimulus, &[]).expect("a run that comes to its end");
    });
    report(evaluator.trace(), run, seconds);
}

fn gradient(brain: Brain, run: Run, settings: Settings) {
    let Brain { network, parameters, stimulus } = brain;
    let mut evaluator = lay_out(&Arc::new(network), &parameters, settings);
    simulate(&mut evaluator, &stimulus, run);
    let mut gradient = evaluator.zero_gradient(&parameters);
    let (seconds, value) = timed("forward and gradient", run.repeats, || {
        evaluator.value_and_grad(&stimulus, &MeanSpikeTime, &mut gradient)
    });
    report(evaluator.trace(), run, seconds);
    let all = gradient.parameters.connections.iter().flat_map(|connection| &connection.weights);
    let (count, largest) = all.fold((0, 0.0_f64), |(count, largest), &derivative| {
        (count + usize::from(derivative != 0.0), largest.max(derivative.abs()))
    });
    let value = value.expect("a gradient");
    println!(
        "mean spike time {:.3} ms; {count} weights move it, by up to {:.3} ms for a millivolt",
        1e3 * value,
        1e3 * largest
    );
}

fn forward(brain: Brain, run: Run) {
    let Brain { network, parameters, stimulus } = brain;
    let network = Arc::new(network);
    let mut evaluator = lay_out(&network, &parameters, SETTINGS);
    drop(parameters);
    simulate(&mut evaluator, &stimulus, run);
    let start = SETTLED.min(0.5 * run.seconds);
    println!("spikes a second and neuron from {start} s on, and published with Poisson input:");
    let rates = microcircuit::rates(&network, evaluator.trace(), start);
    for ((name, rate), published) in microcircuit::NAMES.iter().zip(rates).zip(microcircuit::RATES)
    {
        println!("{name:>6} {rate:6.2} {published:6.2}");
    }
}

fn main() {
    let Arguments { network } = Arguments::parse();
    let (Which::Fly { run, .. } | Which::Microcircuit { run, .. }) = network;
    let pool = ThreadPoolBuilder::new().num_threads(run.threads).build().expect("threads");
    println!("seed {}, {} threads", run.seed, run.threads);
    pool.install(|| match network {
        Which::Fly { stimulated, rate, everything, .. } => {
            let drive = Drive { stimulated, rate, seconds: run.seconds };
            let (_, brain) = timed("drawn", 1, || fly::draw(drive, run.seed));
            let with_respect_to = if everything {
                WithRespectTo::EVERYTHING
            } else {
                WithRespectTo { time_constants: false, input_times: false }
            };
            gradient(brain, run, Settings { with_respect_to, ..SETTINGS });
        }
        Which::Microcircuit { scale, .. } => {
            let (_, brain) = timed("drawn", 1, || microcircuit::draw(scale, run.seconds, run.seed));
            forward(brain, run);
        }
    });
}
