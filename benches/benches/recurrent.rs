//! What does a synaptic event cost in a sparse recurrent network, forward and backward, on one core?
//!
//! `cargo bench -p spikegrad-bench --bench recurrent` prints criterion's statistics with a throughput in synaptic events
//! (elements) per second. The network is that of `balanced/mod.rs`: 2,500 neurons with 250 synapses each, driven by Poisson
//! input, one delay for all synapses. *Forward alone* does not carry the derivatives with respect to time constants.
#![expect(clippy::cast_precision_loss, reason = "counts become figures to read")]
#![expect(clippy::print_stdout, reason = "a benchmark says what it measures")]

mod balanced;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use spikegrad_adjoint::{BackwardWorkspace, GradientSum, Grazing, backward_into};
use spikegrad_network::loss::Cotangents;
use spikegrad_network::{Circuit, Trace};
use spikegrad_simulate::{Options, Workspace, simulate_forward_into, simulate_into};

/// Length of the run, in seconds.
const T_END: f64 = 0.2;

fn recurrent(criterion: &mut Criterion) {
    let size = balanced::YARDSTICK;
    let (network, parameters) = balanced::network(size);
    let stimulus = balanced::stimulus(size, T_END);
    let circuit = Circuit::new(&network, &parameters).expect("valid parameters");
    let options = Options { readouts: &[], max_events: u64::MAX };
    let mut workspace = Workspace::default();
    let mut trace = Trace::default();
    simulate_into(&circuit, &stimulus, options, &mut workspace, &mut trace).expect("a finite run");
    let rate = trace.spikes.len() as f64 / size.neurons as f64 / T_END;
    println!(
        "{} neurons, {} spikes ({rate:.1} per second and neuron), {} synaptic events",
        size.neurons,
        trace.spikes.len(),
        trace.arrivals
    );
    let mut group = criterion.benchmark_group("recurrent");
    group.throughput(Throughput::Elements(trace.arrivals)).sample_size(10);
    group.bench_function("forward alone", |bencher| {
        let mut trace = Trace::default();
        bencher.iter(|| {
            simulate_forward_into(&circuit, &stimulus, options, &mut workspace, &mut trace)
                .expect("a finite run");
        });
    });
    group.bench_function("forward", |bencher| {
        let mut trace = Trace::default();
        bencher.iter(|| {
            simulate_into(&circuit, &stimulus, options, &mut workspace, &mut trace)
                .expect("a finite run");
        });
    });
    group.bench_function("backward", |bencher| {
        let (mut workspace, mut sum) = (BackwardWorkspace::default(), GradientSum::new(&circuit));
        let mut cotangents = Cotangents::zeros(&trace);
        // The mean spike time, so that every spike matters.
        cotangents.spikes.fill(1.0 / trace.spikes.len() as f64);
        bencher.iter(|| {
            backward_into(&circuit, &trace, &cotangents, Grazing::Fail, &mut workspace, &mut sum)
                .expect("a gradient");
        });
    });
    group.finish();
}

criterion_group!(benches, recurrent);
criterion_main!(benches);
