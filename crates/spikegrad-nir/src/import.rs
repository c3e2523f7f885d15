//! From a graph to a network of the engine.
//!
//! Populations are called as their nodes and stand in the order in which spikes can first reach them. The channels of several Input
//! nodes stand one behind the other, in the order of the nodes' names.
//!
//! Not here: nodes (`neurons.rs`), what lies between them (`linear.rs`).

use crate::form::{Form, uniform};
use crate::linear::{Drive, Path, check_loops, refusal};
use crate::neurons::{Neurons, convention};
use crate::shapes::Shapes;
use crate::{Convention, Graph, Kind, NirError, Node};
use spikegrad_network::{
    Connection, ConnectionParameters, MAX_NEURONS, Network, NetworkError, Parameters, Population,
    SharedWeights, Source, Synapse, Synapses, Values,
};
use std::collections::VecDeque;

/// A network that was read from a NIR file.
#[derive(Clone, Debug)]
pub struct Import {
    /// Its structure.
    pub network: Network,
    /// Its values.
    pub parameters: Parameters,
    /// What the numbers of the file were taken to mean.
    pub convention: Convention,
    /// What was assumed and what was changed, a sentence each.
    pub notes: Vec<String>,
}

/// How to read a NIR file.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ReadOptions {
    /// The step of the tool that wrote the file, in seconds, if its spikes are pulses of height 1 that last a step. Where it is not given, a file
    /// that carries its step is recognised, and else spikes are Dirac pulses.
    pub dt: Option<f64>,
}

/// Reads the network of a NIR file.
///
/// # Errors
/// [`NirError`], with the node that cannot be read and the reason.
pub fn read(path: impl AsRef<std::path::Path>) -> Result<Import, NirError> {
    read_with(path, ReadOptions::default())
}

/// Like [`read`], with options.
///
/// # Errors
/// As [`read`], and [`NirError::Step`] for a step that is none, or not that of the file.
pub fn read_with(
    path: impl AsRef<std::path::Path>,
    options: ReadOptions,
) -> Result<Import, NirError> {
    Import::of(&Graph::read(path.as_ref())?, options)
}

impl Import {
    /// The network of a graph.
    ///
    /// # Errors
    /// As [`read_with`].
    ///
    /// # Examples
    /// ```
    /// use spikegrad_nir::{Array, Graph, Import, Kind, Node, ReadOptions};
    /// let one = |x: f64| Array::list(vec![x]);
    /// let input = Node::new("in", Kind::Input).with("shape", one(1.0));
    /// let weights = Node::new("fc", Kind::Linear).with("weight", Array { shape: vec![2, 1], values: vec![3.0, 4.0] });
    /// let neurons = Node::new("lif", Kind::LIF)
    ///     .with("tau", one(0.02))
    ///     .with("r", one(0.02))
    ///     .with("v_leak", one(0.0))
    ///     .with("v_threshold", one(1.0));
    /// let graph = Graph::new(vec![input, weights, neurons], &[("in", "fc"), ("fc", "lif")])?;
    /// let import = Import::of(&graph, ReadOptions::default())?;
    /// assert_eq!(import.network.populations()[0].size, 2);
    /// assert_eq!(import.parameters.connections[0].weights, [3.0, 4.0]);
    /// # Ok::<(), spikegrad_nir::NirError>(())
    /// ```
    pub fn of(graph: &Graph, options: ReadOptions) -> Result<Self, NirError> {
        check(graph)?;
        let convention = convention(graph, options.dt)?;
        let shapes = Shapes::of(graph)?;
        let mut notes = vec![meaning(graph, convention, options)];
        let inputs = Inputs::of(graph, &shapes, &mut notes)?;
        let order = order(graph);
        let mut populations: Vec<Population> = Vec::new();
        let mut neurons = Vec::new();
        for &k in &order {
            let node = &graph.nodes()[k];
            let of = Neurons::of(node, shapes.size(graph, k)?, convention)?;
            let name = population_name(node, &populations, &mut notes);
            populations.push(Population { name, size: of.size, model: of.model });
            neurons.push(of);
        }
        let (mut connections, mut parameters) =
            (Vec::new(), Parameters { populations: vec![], connections: vec![] });
        for (to, (&k, neurons)) in order.iter().zip(&neurons).enumerate() {
            let drive = Drive::of(graph, &shapes, k, neurons.size)?;
            if drive.delays_constant {
                let name = &graph.nodes()[k].name;
                notes.push(format!(
                    "a bias on its way to {name} passes a delay, which does not change a constant"
                ));
            }
            parameters.populations.push(neurons.driven(&drive.constant));
            for path in &drive.paths {
                let (connection, values) = connection(path, to, neurons, &order, &inputs);
                connections.push(connection);
                parameters.connections.push(values);
            }
        }
        for k in (0..graph.nodes().len()).filter(|&k| graph.nodes()[k].kind == Kind::Output) {
            notes.push(shown_by(graph, k));
        }
        let network = Network::new(inputs.count, populations, connections)?;
        parameters.check(&network)?;
        Ok(Self { network, parameters, convention, notes })
    }
}

/// Refuses nodes that no network can have.
fn check(graph: &Graph) -> Result<(), NirError> {
    let none = |node: &Node, reason| {
        Err(NirError::NoCounterpart { node: node.name.clone(), kind: node.kind.name(), reason })
    };
    if let Some(node) =
        graph.nodes().iter().find(|n| matches!(n.kind, Kind::Threshold | Kind::LI | Kind::I))
    {
        return none(node, refusal(node.kind));
    }
    check_loops(graph)?;
    let nodes = graph.nodes();
    let mut leads_to_neuron = vec![false; nodes.len()];
    let mut open: Vec<usize> = (0..nodes.len()).filter(|&k| nodes[k].kind.is_neuron()).collect();
    while let Some(k) = open.pop() {
        for before in graph.before(k) {
            if !std::mem::replace(&mut leads_to_neuron[before], true) {
                open.push(before);
            }
        }
    }
    let is_end =
        |kind: Kind| kind.is_neuron() || matches!(kind, Kind::Input | Kind::Output | Kind::Flatten);
    match (0..nodes.len()).find(|&k| !leads_to_neuron[k] && !is_end(nodes[k].kind)) {
        None => Ok(()),
        Some(k) => none(
            &nodes[k],
            "leads to no neuron, though spikes and potentials are all that can be read; take it out, or put a CubaLI behind it",
        ),
    }
}

/// What the numbers of the file are taken to mean, in words.
fn meaning(graph: &Graph, convention: Convention, options: ReadOptions) -> String {
    match convention {
        Convention::Discrete { dt } if options.dt.is_some() => {
            format!("spikes are read as pulses of height 1 that last {dt:?} s, as was asked")
        }
        Convention::Discrete { dt } => format!(
            "the file carries a step of {dt:?} s (r = tau_mem/dt, w_in = tau_syn/dt): spikes are read as pulses of height 1 that last so long"
        ),
        Convention::Continuous
            if graph.nodes().iter().any(|n| matches!(n.kind, Kind::LIF | Kind::IF)) =>
        {
            "spikes are read as Dirac pulses of area 1; if they were pulses that last a step of the tool, give that step as dt".into()
        }
        Convention::Continuous => "spikes are read as Dirac pulses of area 1".into(),
    }
}

/// The neurons, in the order in which they are first reached from the inputs; then those that are not reached.
fn order(graph: &Graph) -> Vec<usize> {
    let nodes = graph.nodes();
    let mut is_seen = vec![false; nodes.len()];
    let (mut order, mut open) = (Vec::new(), VecDeque::new());
    let inputs = (0..nodes.len()).filter(|&k| nodes[k].kind == Kind::Input);
    let others = (0..nodes.len()).filter(|&k| nodes[k].kind.is_neuron());
    for start in inputs.chain(others) {
        if std::mem::replace(&mut is_seen[start], true) {
            continue;
        }
        open.push_back(start);
        while let Some(k) = open.pop_front() {
            order.extend(nodes[k].kind.is_neuron().then_some(k));
            open.extend(
                graph.behind(k).filter(|&next| !std::mem::replace(&mut is_seen[next], true)),
            );
        }
    }
    order
}

/// A name for the population of a node: its own, unless that is the one of the inputs.
fn population_name(node: &Node, before: &[Population], notes: &mut Vec<String>) -> String {
    let mut name = node.name.clone();
    while name == "input" || before.iter().any(|population| population.name == name) {
        name.push('_');
    }
    if name != node.name {
        notes.push(format!("node {} is the population {name}", node.name));
    }
    name
}

/// The Input nodes, one behind the other.
struct Inputs {
    /// Position of each node, and its first channel.
    first: Vec<(usize, usize)>,
    count: usize,
}

impl Inputs {
    fn of(graph: &Graph, shapes: &Shapes, notes: &mut Vec<String>) -> Result<Self, NirError> {
        let mut inputs = Self { first: Vec::new(), count: 0 };
        for (k, _) in graph.nodes().iter().enumerate().filter(|(_, n)| n.kind == Kind::Input) {
            inputs.first.push((k, inputs.count));
            inputs.count = inputs.count.saturating_add(shapes.size(graph, k)?);
        }
        if inputs.count > MAX_NEURONS {
            let (place, count) = ("the Input nodes".into(), inputs.count as u64);
            return Err(NetworkError::TooLarge { place, count, limit: MAX_NEURONS }.into());
        }
        if inputs.first.len() > 1 {
            let first = inputs.first.iter();
            let list = first.map(|&(k, first)| format!("{} from {first}", graph.nodes()[k].name));
            let list = list.collect::<Vec<_>>().join(", ");
            notes.push(format!("the channels of the inputs stand one behind the other: {list}"));
        }
        Ok(inputs)
    }

    /// The source that a node is: with its first channel, and whether it is all of the source.
    fn source(&self, node: usize, order: &[usize]) -> (Source, usize, bool) {
        match self.first.iter().find(|input| input.0 == node) {
            Some(&(_, first)) => (Source::Input, first, self.first.len() == 1),
            None => {
                let position = order.iter().position(|&k| k == node).unwrap_or_default();
                (Source::Population(position), 0, true)
            }
        }
    }
}

/// A path as a connection to the population at position `to`.
fn connection(
    path: &Path,
    to: usize,
    neurons: &Neurons,
    order: &[usize],
    inputs: &Inputs,
) -> (Connection, ConnectionParameters) {
    let (from, first, is_whole) = inputs.source(path.source, order);
    let form = path.form.scaled(&neurons.gain, |(_, post, _)| post, path.pre);
    let delays = |synapses: &mut dyn Iterator<Item = (usize, usize)>| {
        if path.delay.is_uniform() {
            return Values::Shared(path.delay.all);
        }
        let delays: Vec<f64> = synapses.map(|(pre, post)| path.delay.of(pre, post)).collect();
        uniform(&delays).map_or(Values::Each(delays), Values::Shared)
    };
    let delay = delays(&mut form.synapses(path.pre).map(|(pre, post, _)| (pre, post)));
    let form = match form {
        Form::Dense(weights) if is_whole => {
            let dense = Connection::new(from, to, Synapses::Dense);
            return (dense, ConnectionParameters { weights, delay });
        }
        form => form,
    };
    let synapse = |(pre, post, _): (usize, usize, usize)| Synapse { pre: first + pre, post };
    let synapses = Synapses::Sparse(form.synapses(path.pre).map(synapse).collect());
    let mut sparse = Connection::new(from, to, synapses);
    // Delays go with weights, so that weights can be shared only where all delays are the same.
    let weights = match (form, &delay) {
        (Form::Listed { synapses, weights }, Values::Shared(_))
            if weights.len() < synapses.len() =>
        {
            let narrow =
                |&(.., weight): &(usize, usize, usize)| u32::try_from(weight).unwrap_or(u32::MAX);
            let weight_of = synapses.iter().map(narrow).collect();
            sparse.shared = Some(SharedWeights { count: weights.len(), weight_of });
            weights
        }
        (form, _) => form.synapses(path.pre).map(|(.., k)| form.weight(k)).collect(),
    };
    (sparse, ConnectionParameters { weights, delay })
}

/// Which populations an Output node shows, in words.
fn shown_by(graph: &Graph, output: usize) -> String {
    let nodes = graph.nodes();
    let (mut shown, mut open) = (Vec::new(), vec![output]);
    while let Some(k) = open.pop() {
        for before in graph.before(k) {
            match nodes[before].kind {
                Kind::Flatten => open.push(before),
                _ => shown.push(nodes[before].name.as_str()),
            }
        }
    }
    shown.sort_unstable();
    format!("the Output node {} shows {}", nodes[output].name, shown.join(", "))
}
