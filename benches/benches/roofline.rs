//! How close is a synaptic event to what this machine allows?
//!
//! ```sh
//! cargo bench -p spikegrad-bench --bench roofline            # about four minutes
//! cargo bench -p spikegrad-bench --bench roofline -- --quick
//! ```
//! One dense layer of leaky integrate-and-fire neurons on the automatic engine, which is the layered sweep; widths and fan-ins
//! of powers of 4, time constants shared or one for each neuron. The limit of a synaptic event is the larger of two times, both measured here on one core:
//!
//! ```text
//! forward   max( 8 bytes / read bandwidth,            6 flops / peak)    a weight is streamed
//! backward  max((8 + 16) bytes / read bandwidth,      8 flops / peak)    and a gradient entry read and written
//! ```
//! where the bandwidth is that of a working set as large as the weights (forward) or weights and gradient (backward). Then:
//! the cost from 10⁴ to 10⁸ synaptic events, which should be flat, with time constants of both kinds, and the use of two
//! threads by a batch. Not here: the workloads of experiments, the event loop (`synaptic_events.rs`).
#![expect(clippy::print_stdout, reason = "a benchmark says what it measures")]
#![expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]

use clap::Parser;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};
use rayon::ThreadPoolBuilder;
use spikegrad::{
    Connection, ConnectionParameters, Cotangents, Derivatives, InputSpike, Loss, Model, Network,
    Observation, Parameters, Population, PopulationParameters, Source, Stimulus, Synapses, Trace,
    Values, lif, value_and_grad_batch,
};
use spikegrad_bench::engine::{Choice, Engine};
use spikegrad_bench::machine::{Limits, Machine, level, read_gb_per_s};
use spikegrad_bench::timing::{Quantiles, interleaved, seconds_of};
use spikegrad_bench::workload::{SETTINGS, Workload};

/// The machine's limits beside the cost of a synaptic event
#[derive(Debug, Parser)]
struct Arguments {
    /// Fewer sizes, and at most 10⁷ events
    #[arg(long)]
    quick: bool,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// The sum of all spike times: every spike matters, and nothing else is computed.
#[derive(Debug)]
struct SpikeTimeSum;

impl Loss for SpikeTimeSum {
    fn evaluate_into(&self, run: &Observation<'_>, into: &mut Derivatives<'_>) -> f64 {
        into.spikes.fill(1.0);
        run.spikes.iter().map(|s| s.time).sum()
    }
}

/// A dense layer and an input.
struct Layer {
    network: Network,
    parameters: Parameters,
    stimulus: Stimulus,
}

/// Input spikes per second on all channels together.
const INPUT_RATE: f64 = 2000.0;

/// What V tends to, in thresholds: each neuron spikes every 36 ms, once in about 70 arrivals.
const MEAN_POTENTIAL: f64 = 1.2;

/// Standard deviation of V, about, that the random weights and arrivals make.
const DEVIATION: f64 = 0.15;

impl Layer {
    /// `spikes` input spikes on random channels at [`INPUT_RATE`].
    fn new(fan_in: usize, width: usize, each: bool, spikes: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let population = Population { name: "layer".into(), size: width, model: Model::Lif };
        let dense = Connection::new(Source::Input, 0, Synapses::Dense);
        let network = Network::new(fan_in, vec![population], vec![dense]).expect("valid");
        // Every neuron somewhere on its way to the threshold, and the current at its mean.
        let start: Vec<f64> = (0..width).map(|_| rng.random()).collect();
        let mut values =
            PopulationParameters::new(Model::Lif).with(lif::V, start).with(lif::I, MEAN_POTENTIAL);
        if each {
            let mut around = |tau: f64| {
                Values::Each((0..width).map(|_| tau * rng.random_range(0.9..1.1)).collect())
            };
            values[lif::TAU_MEM] = around(0.02);
            values[lif::TAU_SYN] = around(0.005);
        }
        // Campbell: a mean of rate · w τ_syn, and a variance of rate · w² ∫kernel², which is τ_syn² / 2(τ_mem + τ_syn).
        let mean = MEAN_POTENTIAL / (INPUT_RATE * 0.005);
        let deviation = DEVIATION / (INPUT_RATE * 0.005_f64.powi(2) / 0.05).sqrt();
        let normal = Normal::new(mean, deviation).expect("a positive deviation");
        let weights = (0..fan_in * width).map(|_| normal.sample(&mut rng)).collect();
        let connection = ConnectionParameters { weights, delay: Values::Shared(0.0) };
        let parameters = Parameters { populations: vec![values], connections: vec![connection] };
        let t_end = spikes as f64 / INPUT_RATE;
        let spike = |_| InputSpike {
            channel: rng.random_range(0..fan_in),
            time: t_end * rng.random::<f64>(),
        };
        let stimulus = Stimulus::new(t_end, (0..spikes).map(spike).collect()).expect("valid");
        Self { network, parameters, stimulus }
    }
}

/// Nanoseconds per synaptic event, and what there was.
struct Cost {
    forward: f64,
    backward: f64,
    events: f64,
    spikes: f64,
}

/// Medians of `seconds` of repeats; of one run if that is zero. Warm in either case.
fn cost(layer: &Layer, seconds: f64) -> Cost {
    let engine = || Engine::new(&layer.network, &layer.parameters, Choice::Automatic);
    let (mut engine, mut other) = (engine(), engine());
    assert!(engine.layers().is_some(), "a dense layer is swept");
    let mut trace = Trace::default();
    engine.forward(&layer.stimulus, &SpikeTimeSum, &mut trace);
    let done = trace.clone();
    let mut cotangents = Cotangents::default();
    other.evaluate(&SpikeTimeSum, &done, &mut cotangents);
    let mut forward = || engine.forward(&layer.stimulus, &SpikeTimeSum, &mut trace);
    let mut backward = || other.backward(&done, &cotangents);
    let (forward, backward) = if seconds > 0.0 {
        let times: Vec<Quantiles> = interleaved(&mut [&mut forward, &mut backward], seconds);
        (times[0].median, times[1].median)
    } else {
        backward();
        (seconds_of(forward), seconds_of(backward))
    };
    let given_up = engine.given_up() + other.given_up();
    if given_up > 0 {
        println!("(the sweep left {given_up} passes of the next line to the event loop)");
    }
    let events = done.arrivals as f64;
    let ns = |seconds: f64| seconds / events * 1e9;
    let spikes = done.spikes.len() as f64;
    Cost { forward: ns(forward), backward: ns(backward), events, spikes }
}

fn widths(quick: bool, gflops: f64) {
    println!(
        "\nns per synaptic event of a dense layer, and times its limit\n\
         {:>5} {:>6} {:>5} {:>7} {:>7} {:>6} | {:>7} {:>6} {:>6} | {:>8} {:>6} {:>6}",
        "width",
        "fan-in",
        "taus",
        "weights",
        "level",
        "spikes",
        "forward",
        "limit",
        "ratio",
        "backward",
        "limit",
        "ratio"
    );
    let (widths, fan_ins): (&[usize], &[usize]) =
        if quick { (&[64, 1024], &[16, 256]) } else { (&[64, 256, 1024, 4096], &[16, 256, 4096]) };
    for &width in widths {
        for &fan_in in fan_ins {
            for each in [false, true] {
                // Half a million events or more, and every channel once or more.
                let spikes = fan_in.max((1 << 19) / width);
                let layer = Layer::new(fan_in, width, each, spikes);
                let cost = cost(&layer, if quick { 0.2 } else { 0.5 });
                let bytes = 8 * width * fan_in;
                let limit = |bytes: f64, set: usize, flops: f64| {
                    (bytes / read_gb_per_s(set)).max(flops / gflops)
                };
                let (forward, backward) = (limit(8.0, bytes, 6.0), limit(24.0, 2 * bytes, 8.0));
                println!(
                    "{width:>5} {fan_in:>6} {:>5} {:>4} KiB {:>7} {:>6.0} | {:>7.2} {forward:>6.3} {:>6.1} | {:>8.2} {backward:>6.3} {:>6.1}",
                    if each { "each" } else { "one" },
                    bytes >> 10,
                    level(bytes),
                    cost.spikes,
                    cost.forward,
                    cost.forward / forward,
                    cost.backward,
                    cost.backward / backward,
                );
            }
        }
    }
}

fn scaling(quick: bool) {
    println!("\nns per synaptic event from few to many: 32 neurons, 32 channels");
    println!("{:>5} {:>11} {:>9} {:>8} {:>9}", "taus", "events", "spikes", "forward", "backward");
    for (taus, each) in [("one", false), ("each", true)] {
        let (mut least, mut most) = ([f64::INFINITY; 2], [0.0_f64; 2]);
        for decade in 4..=(if quick { 7 } else { 8 }) {
            let layer = Layer::new(32, 32, each, 10_usize.pow(decade) / 32);
            let cost = cost(&layer, if decade < 7 { 0.3 } else { 0.0 });
            println!(
                "{taus:>5} {:>11.0} {:>9.0} {:>8.2} {:>9.2}",
                cost.events, cost.spikes, cost.forward, cost.backward
            );
            for (k, ns) in [cost.forward, cost.backward].into_iter().enumerate() {
                (least[k], most[k]) = (least[k].min(ns), most[k].max(ns));
            }
        }
        let [forward, backward] = [0, 1].map(|k| most[k] / least[k]);
        println!("most / least: forward {forward:.2}, backward {backward:.2} (flat: below 1.3)");
    }
}

fn threads(quick: bool) {
    println!("\ntwo threads: T(1) / 2 T(2) of value and gradient of a batch");
    let pool = |n| ThreadPoolBuilder::new().num_threads(n).build().expect("threads");
    let (one, two) = (pool(1), pool(2));
    for name in ["w1", "w2_sparse", "w3"] {
        let workload = Workload::by_name(name).expect("a name of the list");
        let samples = workload.samples();
        let Workload { network, parameters, .. } = &workload;
        let batch = || {
            value_and_grad_batch(network, parameters, &samples, &SETTINGS, |_, _| ())
                .expect("a gradient");
        };
        let mut candidates: [&mut dyn FnMut(); 2] =
            [&mut || one.install(batch), &mut || two.install(batch)];
        let times = interleaved(&mut candidates, if quick { 0.5 } else { 2.0 });
        let [one, two] = [0, 1].map(|k| times[k].median);
        let n = samples.len();
        println!(
            "{name:>10}: {n} samples, {:.1} ms and {:.1} ms: {:.2}",
            one * 1e3,
            two * 1e3,
            one / two / 2.0
        );
    }
}

fn main() {
    let Arguments { quick, .. } = Arguments::parse();
    let (machine, limits) = (Machine::ask(), Limits::measure());
    let cpu = machine.cpu.unwrap_or_default();
    println!("{cpu}, {} cores; compiled for {:?}", machine.cores, machine.compiled_for);
    println!(
        "one core: {:.1} GFLOP/s multiply-add with {} ({:.1} with the instructions of the build), exp {:.1} ns",
        limits.gflops, machine.limits_with, limits.gflops_of_build, limits.exp_ns
    );
    for read in &limits.read {
        println!("read {:>9} KiB ({:>6}): {:.0} GB/s", read.bytes >> 10, read.level, read.gb_per_s);
    }
    widths(quick, limits.gflops);
    scaling(quick);
    threads(quick);
}
