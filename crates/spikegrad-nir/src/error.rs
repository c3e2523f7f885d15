//! What can be wrong with a NIR file, or with a network that is to become one.
//!
//! Every message names the node, the population or the place in the file, the reason, and what to do.

use spikegrad_network::{NetworkError, SpikeTrainsError};
use spikegrad_report::ReportError;
use std::path::PathBuf;
use thiserror::Error;

/// A NIR file that cannot be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NirError {
    /// A file that cannot be opened.
    #[error("cannot read {}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// Not an HDF5 file.
    #[error("{} cannot be read as an HDF5 file: {reason}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What HDF5 says.
        reason: Box<hdf5_pure::Error>,
    },
    /// A part of the file that is missing, damaged or of another type.
    #[error("{place} must be {expected}: {reason}")]
    Part {
        /// Where it stands in the file.
        place: String,
        /// What must be there.
        expected: &'static str,
        /// What HDF5 says.
        reason: Box<hdf5_pure::Error>,
    },
    /// A part of the file that says something else than it must.
    #[error("{place} is {found}; it must be {expected}")]
    Found {
        /// Where it stands.
        place: String,
        /// What stands there.
        found: String,
        /// What must stand there.
        expected: String,
    },
    /// A number that is missing from a node.
    #[error("node {node} is a {kind} without {field}; write the file again with it")]
    Field {
        /// The node.
        node: String,
        /// Its type.
        kind: &'static str,
        /// What is missing.
        field: &'static str,
    },
    /// A type of nodes that NIR does not have, or not yet.
    #[error(
        "node {node} is a {kind}, a type that is not known here; replace it by nodes that are: {known}"
    )]
    Kind {
        /// The node.
        node: String,
        /// Its type.
        kind: String,
        /// The types that are known.
        known: String,
    },
    /// A node that the engine has no counterpart for.
    #[error("node {node} is a {kind}, which {reason}")]
    NoCounterpart {
        /// The node.
        node: String,
        /// Its type.
        kind: &'static str,
        /// Why there is none, and what to take.
        reason: &'static str,
    },
    /// Graphs within graphs, deeper than any tool writes: a file that contains itself.
    #[error("node {node} is a graph within {depth} others; flatten the graph before it is written")]
    Nesting {
        /// The node.
        node: String,
        /// How many graphs contain it.
        depth: usize,
    },
    /// Two nodes whose names are the same once graphs within graphs are flattened.
    #[error("two nodes are called {node} once nested graphs are flattened; rename one")]
    Twice {
        /// The name.
        node: String,
    },
    /// An edge from or to a node that does not exist.
    #[error(
        "the edge from {from} to {to} names a node that {graph} does not have; its nodes are {names}: rename the node or the end of the edge"
    )]
    Edge {
        /// Where the edge begins.
        from: String,
        /// Where it ends.
        to: String,
        /// The graph.
        graph: String,
        /// What there is.
        names: String,
    },
    /// An edge at a nested graph that has no one way in, or out.
    #[error(
        "node {node} is a graph with {found} nodes of type {kind}, but an edge needs exactly one"
    )]
    Ends {
        /// The graph.
        node: String,
        /// How many there are.
        found: usize,
        /// Input or Output.
        kind: &'static str,
    },
    /// Sizes that do not fit.
    #[error("{field} of node {node} has {found} entries where {expected} are needed")]
    Size {
        /// The node.
        node: String,
        /// Which of its numbers.
        field: &'static str,
        /// How many it has.
        found: usize,
        /// How many fit.
        expected: usize,
    },
    /// A shape of the wrong kind.
    #[error("{field} of node {node} has the shape {found:?}; it must be {expected}")]
    Shape {
        /// The node.
        node: String,
        /// Which of its numbers.
        field: &'static str,
        /// Its shape.
        found: Vec<usize>,
        /// What it must be.
        expected: &'static str,
    },
    /// A node whose size nothing tells.
    #[error("the shape of what enters node {node} is unknown; give the Input before it a shape")]
    Unknown {
        /// The node.
        node: String,
    },
    /// Numbers that a neuron cannot have.
    #[error("node {node} cannot be a population: {reason}")]
    Neuron {
        /// The node.
        node: String,
        /// What is wrong.
        reason: NetworkError,
    },
    /// A loop without a neuron in it.
    #[error(
        "node {node} feeds itself through linear nodes alone; a loop needs a neuron that spikes"
    )]
    LinearLoop {
        /// A node of the loop.
        node: String,
    },
    /// Too many paths through linear nodes.
    #[error("more than {limit} paths through linear nodes lead to node {node}; merge some")]
    Paths {
        /// Where they lead.
        node: String,
        /// How many there may be.
        limit: usize,
    },
    /// Delays that would have to be those of paths, not of synapses.
    #[error(
        "the delays of node {node} differ and stand between two nodes that mix channels; move it before the first or behind the last, or make them equal"
    )]
    DelayBetween {
        /// The delay.
        node: String,
    },
    /// Weights of paths that are too many once they are multiplied out.
    #[error(
        "the linear nodes around {node} make {count} synapses when they are multiplied out; at most {limit} are supported"
    )]
    Synapses {
        /// One of the nodes.
        node: String,
        /// How many there are.
        count: u64,
        /// How many there may be.
        limit: u64,
    },
    /// A potential that drives other nodes.
    #[error(
        "node {node} is a {kind}, whose potential drives {into}; only spikes do here: let it lead to an Output alone"
    )]
    Potential {
        /// The integrator.
        node: String,
        /// Its type.
        kind: &'static str,
        /// What it drives.
        into: String,
    },
    /// A step that is none, or not that of the file.
    #[error("the step dt is {given:?} s; it must be {expected}")]
    Step {
        /// What was given.
        given: f64,
        /// What it must be.
        expected: String,
    },
    /// The network that a file describes is not one.
    #[error("the network of the file cannot be built: {0}")]
    Network(#[from] NetworkError),
    /// A population that NIR has no node for.
    #[error("population {population} {reason}")]
    Population {
        /// Its name.
        population: String,
        /// Why not, and what to do.
        reason: &'static str,
    },
    /// A connection that NIR has no nodes for.
    #[error("the connection from {from} to {to} {reason}")]
    Connection {
        /// Where it comes from.
        from: String,
        /// Where it leads.
        to: String,
        /// Why not, and what to do.
        reason: &'static str,
    },
    /// Recorded spikes that disagree with themselves.
    #[error("{place}: {reason}")]
    Spikes {
        /// Where they stand.
        place: String,
        /// What is wrong.
        reason: SpikeTrainsError,
    },
    /// A file that could not be laid out.
    #[error("the file cannot be laid out: {0}")]
    Layout(Box<hdf5_pure::Error>),
    /// A file that could not be written.
    #[error(transparent)]
    Write(#[from] ReportError),
}
