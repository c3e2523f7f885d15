//! What does a synaptic event cost, forward and backward, on one core?
//!
//! `cargo bench -p spikegrad-bench` prints criterion's statistics with a throughput in synaptic events (elements) per
//! second: its inverse is the time per synaptic event. Forward is `simulate_into`; backward is the loss and `backward_into`
//! on a finished trace. Both use their workspaces again.
#![expect(clippy::print_stdout, reason = "a benchmark says what it measures")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use spikegrad_adjoint::{BackwardWorkspace, GradientSum, Grazing, backward_into};
use spikegrad_bench::{Workload, mnist, yin_yang};
use spikegrad_network::{Circuit, Trace};
use spikegrad_simulate::{Options, Workspace, simulate_into};

fn measure(criterion: &mut Criterion, workload: &Workload) {
    let Workload { name, network, parameters, stimuli, loss } = workload;
    let circuit = Circuit::new(network, parameters).expect("valid parameters");
    let options = Options { max_events: u64::MAX, readouts: loss.readouts(network) };
    let mut workspace = Workspace::default();
    let traces: Vec<Trace> = stimuli
        .iter()
        .map(|stimulus| {
            let mut trace = Trace::default();
            simulate_into(&circuit, stimulus, &options, &mut workspace, &mut trace)
                .expect("a finite run");
            trace
        })
        .collect();
    let arrivals: u64 = traces.iter().map(|t| t.arrivals).sum();
    let spikes: usize = traces.iter().map(|t| t.spikes.len()).sum();
    println!("{name}: {spikes} spikes and {arrivals} synaptic events in {} samples", traces.len());
    let mut group = criterion.benchmark_group(*name);
    group.throughput(Throughput::Elements(arrivals));
    group.bench_function("forward", |bencher| {
        let mut trace = Trace::default();
        bencher.iter(|| {
            for stimulus in stimuli {
                simulate_into(&circuit, stimulus, &options, &mut workspace, &mut trace)
                    .expect("a finite run");
            }
        });
    });
    group.bench_function("backward", |bencher| {
        let (mut workspace, mut sum) = (BackwardWorkspace::default(), GradientSum::new(&circuit));
        bencher.iter(|| {
            for trace in &traces {
                let (_, cotangents) = loss.evaluate(network, trace);
                backward_into(
                    &circuit,
                    trace,
                    &cotangents,
                    Grazing::Fail,
                    &mut workspace,
                    &mut sum,
                )
                .expect("a gradient");
            }
        });
    });
    group.finish();
}

fn synaptic_events(criterion: &mut Criterion) {
    measure(criterion, &yin_yang());
    measure(criterion, &mnist());
}

criterion_group!(benches, synaptic_events);
criterion_main!(benches);
