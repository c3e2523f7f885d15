//! What does a derivative along one direction cost, carried forward, beside a whole gradient?
//!
//! `cargo bench -p spikegrad-bench --bench forward_mode` times both in one run, sample by sample in turn, and prints their ratio: once on the engine that the
//! library chooses, a second sweep in layered networks, and once on the event loop, with dual numbers.
#![expect(clippy::print_stdout, reason = "a benchmark says what it measures")]

use criterion::{Criterion, criterion_group, criterion_main};
use spikegrad::{Engine, Gradient, Sample, Settings, value_and_grad, value_and_jvp};
use spikegrad_bench::Workload;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Two that are swept, feed-forward and recurrent, and one with few spikes.
const WORKLOADS: [&str; 3] = ["w1", "w2_sparse", "w3"];

/// Rounds over all samples of which the medians are taken.
const ROUNDS: usize = 15;

const AUTOMATIC: Settings = Settings { max_events: u64::MAX, ..Settings::DEFAULT };
const EVENT_LOOP: Settings = Settings { engine: Engine::EventLoop, ..AUTOMATIC };

/// A sample with a direction in which every number grows in proportion to itself.
struct Case<'a> {
    workload: &'a Workload,
    sample: Sample<'a>,
    direction: Gradient,
}

impl<'a> Case<'a> {
    fn of(workload: &'a Workload, sample: Sample<'a>) -> Self {
        let times = sample.stimulus.spikes().iter().map(|spike| spike.time);
        let times: Vec<f64> = times.collect();
        let direction = Gradient {
            parameters: workload.parameters.clone(),
            input_times: sample.stimulus.in_given_order(&times),
            currents: Vec::new(),
        };
        Self { workload, sample, direction }
    }

    fn gradient(&self, settings: &Settings) {
        let Workload { network, parameters, .. } = self.workload;
        let Sample { stimulus, loss } = self.sample;
        let evaluation = value_and_grad(network, parameters, stimulus, loss, settings);
        black_box(evaluation.expect("a gradient"));
    }

    fn along(&self, settings: &Settings) {
        let Workload { network, parameters, .. } = self.workload;
        let derivative = value_and_jvp(network, parameters, self.sample, &self.direction, settings);
        black_box(derivative.expect("a derivative"));
    }
}

fn timed(what: impl Fn()) -> Duration {
    let start = Instant::now();
    what();
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Prints the medians of what takes turns.
fn print_ratios(name: &str, cases: &[Case<'_>]) {
    let engines = [("chosen", AUTOMATIC), ("event loop", EVENT_LOOP)];
    let mut times = [(); 2].map(|()| [Vec::new(), Vec::new()]);
    for _ in 0..ROUNDS {
        for case in cases {
            for ((_, settings), [along, gradient]) in engines.iter().zip(&mut times) {
                along.push(timed(|| case.along(settings)));
                gradient.push(timed(|| case.gradient(settings)));
            }
        }
    }
    for ((engine, _), times) in engines.iter().zip(times) {
        let [along, gradient] = times.map(median);
        let ratio = along.as_secs_f64() / gradient.as_secs_f64();
        println!(
            "{name}, {engine}: one direction {along:.1?}, a gradient {gradient:.1?}, ratio {ratio:.2}"
        );
    }
}

fn forward_mode(criterion: &mut Criterion) {
    for name in WORKLOADS {
        let workload = Workload::by_name(name).expect("a workload of the project");
        let cases: Vec<Case<'_>> =
            workload.samples().into_iter().map(|sample| Case::of(&workload, sample)).collect();
        print_ratios(name, &cases);
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10);
        let case = &cases[0];
        group.bench_function("one direction", |bencher| bencher.iter(|| case.along(&AUTOMATIC)));
        group.bench_function("one direction, event loop", |b| b.iter(|| case.along(&EVENT_LOOP)));
        group.bench_function("gradient", |b| b.iter(|| case.gradient(&AUTOMATIC)));
        group.bench_function("gradient, event loop", |b| b.iter(|| case.gradient(&EVENT_LOOP)));
        group.finish();
    }
}

criterion_group!(benches, forward_mode);
criterion_main!(benches);
