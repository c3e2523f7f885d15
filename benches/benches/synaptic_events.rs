//! What does a synaptic event cost, forward and backward, on one core?
//!
//! `cargo bench -p spikegrad-bench --bench synaptic_events` prints criterion's statistics with a throughput in synaptic events
//! (elements) per second: its inverse is the time per synaptic event. Backward is the loss and the sweep on a finished trace.
//! Workspaces are used again.
#![expect(clippy::print_stdout, reason = "a benchmark says what it measures")]

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use spikegrad::Trace;
use spikegrad_bench::Workload;
use spikegrad_bench::engine::Engine;

fn measure(criterion: &mut Criterion, name: &str) {
    let workload = Workload::by_name(name).expect("a name of the list");
    let mut engine = Engine::new(&workload.network, &workload.parameters);
    let traces: Vec<Trace> = workload
        .examples
        .iter()
        .map(|example| {
            let mut trace = Trace::default();
            engine.forward(&example.stimulus, &*example.loss, &mut trace);
            trace
        })
        .collect();
    let arrivals: u64 = traces.iter().map(|t| t.arrivals).sum();
    let spikes: usize = traces.iter().map(|t| t.spikes.len()).sum();
    println!("{name}: {spikes} spikes and {arrivals} synaptic events in {} samples", traces.len());
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(arrivals));
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.bench_function("forward", |bencher| {
        let mut trace = Trace::default();
        bencher.iter(|| {
            for example in &workload.examples {
                engine.forward(&example.stimulus, &*example.loss, &mut trace);
            }
        });
    });
    group.bench_function("backward", |bencher| {
        bencher.iter(|| {
            for (example, trace) in workload.examples.iter().zip(&traces) {
                let cotangents = engine.evaluate(&*example.loss, trace);
                engine.backward(trace, &cotangents);
            }
        });
    });
    group.finish();
}

fn synaptic_events(criterion: &mut Criterion) {
    for name in ["w1", "w2_sparse", "w2_dense", "w3"] {
        measure(criterion, name);
    }
}

criterion_group!(benches, synaptic_events);
criterion_main!(benches);
