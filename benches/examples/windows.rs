//! From which size on is a sparse network faster by windows than by the event loop, and from which in two parts?
//!
//! `cargo run --release -p spikegrad-bench --example windows` runs balanced networks of 50 synapses to six million, one whose synapses have delays of their own, and
//! the workload `balanced` of the peers, by the event loop and by windows in one part and in two, in turn; the least wall time of each, without the derivatives with respect to
//! time constants and with them. The last two columns say what the facade's limits rest on (`crates/spikegrad/src/prepared.rs`).
#![expect(clippy::print_stdout, reason = "an example says what it finds")]
#![expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]

#[path = "../benches/balanced/mod.rs"]
mod balanced;

use balanced::{Size, YARDSTICK};
use spikegrad_bench::Workload;
use spikegrad_network::{Circuit, Network, Parameters, Stimulus, Trace};
use spikegrad_simulate::{
    Options, SparseWorkspace, Workspace, simulate_forward_into, simulate_into, sparse_forward_into,
    sparse_into,
};
use std::time::Instant;

/// Length of a run of a balanced network, in seconds.
const T_END: f64 = 0.1;

/// Each is run until this many seconds have passed, but five times at least.
const SECONDS: f64 = 1.0;

/// The least time of each of several runs in turn, in milliseconds.
fn least<const N: usize>(mut runs: [Box<dyn FnMut() + '_>; N]) -> [f64; N] {
    let mut least = [f64::INFINITY; N];
    let (begin, mut rounds) = (Instant::now(), 0);
    while rounds < 5 || begin.elapsed().as_secs_f64() < SECONDS {
        for (run, least) in runs.iter_mut().zip(&mut least) {
            let start = Instant::now();
            run();
            *least = least.min(start.elapsed().as_secs_f64() * 1e3);
        }
        rounds += 1;
    }
    least
}

fn compare(name: &str, network: &Network, parameters: &Parameters, stimulus: &Stimulus) {
    let circuit = &Circuit::new(network, parameters).expect("valid parameters");
    let options = Options { readouts: &[], max_events: u64::MAX };
    let mut traces: [Trace; 5] = Default::default();
    let [loop_alone, alone, by_loop, one, two] = &mut traces;
    let mut workspaces = [Workspace::default(), Workspace::default()];
    let [first, second] = &mut workspaces;
    let mut windows = [1, 1, 2].map(SparseWorkspace::with_parts);
    let [of_alone, of_one, of_two] = &mut windows;
    let times = least([
        Box::new(|| {
            simulate_forward_into(circuit, stimulus, options, first, loop_alone).expect("a run");
        }),
        Box::new(|| {
            sparse_forward_into(circuit, stimulus, options, of_alone, alone).expect("a run");
        }),
        Box::new(|| simulate_into(circuit, stimulus, options, second, by_loop).expect("a run")),
        Box::new(|| sparse_into(circuit, stimulus, options, of_one, one).expect("a run")),
        Box::new(|| sparse_into(circuit, stimulus, options, of_two, two).expect("a run")),
    ]);
    let [loop_alone, alone, by_loop, one, two] = times;
    assert_eq!(traces[3], traces[4], "the same bits in two parts");
    println!(
        "| {name} | {} | {} | {} | {loop_alone:.3} | {alone:.3} | {by_loop:.3} | {one:.3} | {two:.3} | {:.2} | {:.2} |",
        circuit.targets.len(),
        traces[2].spikes.len(),
        traces[2].arrivals,
        by_loop / one,
        one / two
    );
}

fn main() {
    println!(
        "| network | synapses | spikes | events | loop alone, ms | windows alone | loop | windows | two parts | loop/windows | windows/two parts |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for (neurons, in_degree) in
        [(5, 5), (20, 10), (50, 20), (200, 50), (1000, 100), (2500, 250), (20_000, 250)]
    {
        let inputs = neurons.min(YARDSTICK.inputs);
        let input_in_degree = inputs.min(YARDSTICK.input_in_degree);
        let size = Size { neurons, in_degree, inputs, input_in_degree, ..YARDSTICK };
        let (network, parameters) = balanced::network(size);
        compare(
            &format!("{neurons} neurons"),
            &network,
            &parameters,
            &balanced::stimulus(size, T_END),
        );
    }
    let size = Size { own_delays: true, ..YARDSTICK };
    let (network, parameters) = balanced::network(size);
    compare("own delays", &network, &parameters, &balanced::stimulus(size, T_END));
    let Workload { network, parameters, examples, .. } =
        Workload::by_name("balanced").expect("a workload");
    compare("workload balanced", &network, &parameters, &examples[0].stimulus);
}
