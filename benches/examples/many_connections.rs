//! Does the layout of a network take work in proportion to its connections?
//!
//! Lays out a chain of populations, of one neuron unless a second argument says how many, takes new parameters and writes out a
//! gradient. Its time says little; count the instructions of `lay_out` for a thousand populations and for two thousand:
//!
//! ```sh
//! cargo build --release -p spikegrad-bench --example many_connections
//! valgrind --tool=callgrind --callgrind-out-file=out --collect-atstart=no '--toggle-collect=*lay_out*' \
//!   target/release/examples/many_connections 1000
//! ```
#![expect(clippy::print_stdout, reason = "an example says what it did")]

use spikegrad_adjoint::GradientSum;
use spikegrad_network::{
    Circuit, Connection, ConnectionParameters, Model, Network, Parameters, Population, Source,
    Synapses, Values,
};

fn main() {
    let argument = |k| std::env::args().nth(k).and_then(|argument| argument.parse().ok());
    let count: usize = argument(1).expect("how many populations");
    let size: usize = argument(2).unwrap_or(1);
    let population = |k| Population { name: format!("p{k}"), size, model: Model::Lif };
    let from = |k: usize| k.checked_sub(1).map_or(Source::Input, Source::Population);
    let connection = |k| Connection::new(from(k), k, Synapses::Dense);
    let populations = (0..count).map(population).collect();
    let connections = (0..count).map(connection).collect();
    let network = Network::new(size, populations, connections).expect("a valid network");
    let weights = vec![1.0; size * size];
    let mut parameters = Parameters::new(&network);
    parameters.connections.fill(ConnectionParameters { weights, delay: Values::Shared(0.001) });
    println!("{} groups", lay_out(&network, &parameters).group_count());
}

#[inline(never)]
fn lay_out(network: &Network, parameters: &Parameters) -> Circuit {
    let mut circuit = Circuit::new(network, parameters).expect("valid parameters");
    assert!(circuit.set(network, parameters).expect("valid parameters"), "the same delays");
    let gradient = GradientSum::new(&circuit).to_parameters(network, &circuit);
    assert_eq!(gradient.connections.len(), parameters.connections.len());
    circuit
}
