//! Does a network of 100,000 neurons and ten million synapses fit into two gibibytes, with its gradient?
//!
//! `cargo run --release -p spikegrad-bench --example large_network` takes 100 synapses for each of 100,000 neurons, with one
//! delay; with the argument `own-delays` each synapse has a delay of its own. Prints what each part takes, and the largest
//! resident memory so far where the system says it (Linux).
#![expect(clippy::cast_precision_loss, reason = "counts become figures to read")]
#![expect(clippy::print_stdout, reason = "an example says what it finds")]

#[path = "../benches/balanced/mod.rs"]
mod balanced;

use spikegrad_adjoint::{BackwardWorkspace, GradientSum, Grazing, backward_all_into};
use spikegrad_bench::memory::peak_in_words;
use spikegrad_network::loss::Cotangents;
use spikegrad_network::{Circuit, StimulusGradient, Trace};
use spikegrad_simulate::{Options, Workspace, simulate_forward_into, simulate_into};
use std::time::Instant;

/// Length of the run, in seconds.
const T_END: f64 = 0.05;

fn report(what: &str, start: Instant, events: Option<u64>) {
    let seconds = start.elapsed().as_secs_f64();
    let each = events.map_or(String::new(), |n| {
        format!(", {:.1} ns for each synaptic event", seconds * 1e9 / n as f64)
    });
    println!("{what}: {seconds:.2} s{each}; {}", peak_in_words());
}

fn main() {
    let own_delays = std::env::args().any(|argument| argument == "own-delays");
    let size = balanced::Size {
        neurons: 100_000,
        in_degree: 100,
        inputs: 2_000,
        input_in_degree: 20,
        input_rate: 100.0,
        own_delays,
    };
    let start = Instant::now();
    let (network, parameters) = balanced::network(size);
    let stimulus = balanced::stimulus(size, T_END);
    report("network and parameters", start, None);

    let start = Instant::now();
    let circuit = Circuit::new(&network, &parameters).expect("valid parameters");
    println!("{} synapses in {} groups", circuit.targets.len(), circuit.group_count());
    report("circuit", start, None);

    let options = Options { readouts: &[], max_events: u64::MAX };
    let (mut workspace, mut trace) = (Workspace::default(), Trace::default());
    for (what, is_differentiated) in [("forward alone", false), ("forward", true)] {
        let start = Instant::now();
        if is_differentiated {
            simulate_into(&circuit, &stimulus, options, &mut workspace, &mut trace)
        } else {
            simulate_forward_into(&circuit, &stimulus, options, &mut workspace, &mut trace)
        }
        .expect("a finite run");
        report(what, start, Some(trace.arrivals));
    }
    let rate = trace.spikes.len() as f64 / size.neurons as f64 / T_END;
    println!("{} spikes ({rate:.1} per second and neuron)", trace.spikes.len());

    let start = Instant::now();
    let mut sum = GradientSum::new(&circuit);
    let mut cotangents = Cotangents::zeros(&trace);
    // The mean spike time, so that every spike matters.
    cotangents.spikes.fill(1.0 / trace.spikes.len() as f64);
    let (mut backward, mut of_stimulus) =
        (BackwardWorkspace::default(), StimulusGradient::default());
    let grazing = Grazing::Fail;
    backward_all_into(
        &circuit,
        &trace,
        &cotangents,
        grazing,
        &mut backward,
        &mut sum,
        &mut of_stimulus,
    )
    .expect("a gradient");
    report("backward", start, Some(trace.arrivals));

    let start = Instant::now();
    let gradient = sum.to_parameters(&network, &circuit);
    let largest = gradient.connections.iter().flat_map(|c| &c.weights).map(|w| w.abs());
    println!("largest derivative of a weight: {:e}", largest.fold(0.0, f64::max));
    report("gradient in the shape of the parameters", start, None);
}
