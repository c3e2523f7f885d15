//! Graphs in few words, and runs.

use spikegrad::{InputSpike, Network, Parameters, Settings, Stimulus, simulate};
use spikegrad_nir::{Array, Graph, Import, Kind, NirError, Node, ReadOptions};
use std::path::{Path, PathBuf};

/// What lies beside a checkout, in `../shared`, and may be absent: then a line says so.
#[expect(clippy::print_stdout, reason = "a note that a test is left out")]
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(path);
    if found.exists() {
        return Some(found);
    }
    println!("left out: ../shared/{path} is not beside the checkout");
    None
}

pub(crate) fn list(values: &[f64]) -> Array {
    Array::list(values.to_vec())
}

/// A node with lists of numbers.
pub(crate) fn node(name: &str, kind: Kind, fields: &[(&str, &[f64])]) -> Node {
    fields
        .iter()
        .fold(Node::new(name, kind), |node, (field, values)| node.with(field, list(values)))
}

/// Weights in rows, one for each target.
pub(crate) fn linear(name: &str, rows: &[&[f64]]) -> Node {
    let shape = vec![rows.len(), rows[0].len()];
    Node::new(name, Kind::Linear).with("weight", Array { shape, values: rows.concat() })
}

pub(crate) fn affine(name: &str, rows: &[&[f64]], bias: &[f64]) -> Node {
    Node { kind: Kind::Affine, ..linear(name, rows) }.with("bias", list(bias))
}

pub(crate) fn input(name: &str, shape: &[f64]) -> Node {
    node(name, Kind::Input, &[("shape", shape)])
}

/// An IF of threshold 1 that moves by its weights: connections then have the weights of the graph.
pub(crate) fn integrate_and_fire(name: &str) -> Node {
    node(name, Kind::IF, &[("r", &[1.0]), ("v_threshold", &[1.0])])
}

/// A graph whose nodes follow each other.
pub(crate) fn chain(nodes: Vec<Node>) -> Graph {
    let names: Vec<String> = nodes.iter().map(|node| node.name.clone()).collect();
    let edges: Vec<(&str, &str)> =
        names.windows(2).map(|pair| (pair[0].as_str(), pair[1].as_str())).collect();
    Graph::new(nodes, &edges).unwrap()
}

pub(crate) fn import(graph: &Graph) -> Result<Import, NirError> {
    Import::of(graph, ReadOptions::default())
}

/// When which neuron spikes.
pub(crate) fn spikes(
    network: &Network,
    parameters: &Parameters,
    input: &[(usize, f64)],
    t_end: f64,
) -> Vec<(usize, f64)> {
    let input = input.iter().map(|&(channel, time)| InputSpike { channel, time });
    let stimulus = Stimulus::new(t_end, input.collect()).unwrap();
    let trace = simulate(network, parameters, &stimulus, &[], &Settings::default()).unwrap();
    trace.spikes.iter().map(|spike| (spike.neuron.index(), spike.time)).collect()
}

/// Numbers between −1 and 1 that are the same in every run.
pub(crate) struct Numbers(pub(crate) u64);

impl Iterator for Numbers {
    type Item = f64;
    fn next(&mut self) -> Option<f64> {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let high = u32::try_from(self.0 >> 32).unwrap();
        Some(f64::from(high) / f64::from(u32::MAX) * 2.0 - 1.0)
    }
}
