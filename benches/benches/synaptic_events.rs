//! What does a synaptic event cost, forward and backward, on one core, by the layered sweep and by the event loop?
//!
//! `cargo bench -p spikegrad-bench --bench synaptic_events` prints criterion's statistics with a throughput in synaptic events
//! (elements) per second: its inverse is the time per synaptic event. `w1/sweep/forward` stands next to
//! `w1/event loop/forward`, so the ratio of the engines is that of two neighbours of one run. Backward is the loss and the
//! adjoint on a finished trace. Workspaces are used again. Not here: sparse networks, which are never swept (`recurrent.rs`).
#![expect(clippy::print_stdout, reason = "a benchmark says what it measures")]

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use spikegrad::{Cotangents, Trace};
use spikegrad_bench::Workload;
use spikegrad_bench::engine::{Choice, Engine};

fn measure(criterion: &mut Criterion, name: &str) {
    let workload = Workload::by_name(name).expect("a name of the list");
    let engine = |choice| Engine::new(&workload.network, &workload.parameters, choice);
    let mut engines =
        [("sweep", engine(Choice::Automatic)), ("event loop", engine(Choice::EventLoop))];
    assert!(engines[0].1.layers().is_some(), "{name} is layered");
    // Each engine goes back along its own traces.
    let traces: Vec<Vec<Trace>> = engines
        .iter_mut()
        .map(|(_, engine)| {
            let run = |example: &spikegrad_bench::workload::Example| {
                let mut trace = Trace::default();
                engine.forward(&example.stimulus, &*example.loss, &mut trace);
                trace
            };
            workload.examples.iter().map(run).collect()
        })
        .collect();
    let arrivals: u64 = traces[0].iter().map(|t| t.arrivals).sum();
    let spikes: usize = traces[0].iter().map(|t| t.spikes.len()).sum();
    let samples = workload.examples.len();
    println!(
        "{name}: {spikes} spikes and {arrivals} synaptic events in {samples} samples, of which the sweep leaves {} to the event loop",
        engines[0].1.given_up()
    );
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(arrivals));
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    for (name, engine) in &mut engines {
        group.bench_function(format!("{name}/forward"), |bencher| {
            let mut trace = Trace::default();
            bencher.iter(|| {
                for example in &workload.examples {
                    engine.forward(&example.stimulus, &*example.loss, &mut trace);
                }
            });
        });
    }
    for ((name, engine), traces) in engines.iter_mut().zip(&traces) {
        group.bench_function(format!("{name}/backward"), |bencher| {
            let mut cotangents = Cotangents::default();
            bencher.iter(|| {
                for (example, trace) in workload.examples.iter().zip(traces) {
                    engine.evaluate(&*example.loss, trace, &mut cotangents);
                    engine.backward(trace, &cotangents);
                }
            });
        });
    }
    group.finish();
}

fn synaptic_events(criterion: &mut Criterion) {
    for name in ["w1", "w2_sparse", "w2_dense", "w3"] {
        measure(criterion, name);
    }
}

criterion_group!(benches, synaptic_events);
criterion_main!(benches);
