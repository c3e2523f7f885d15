//! From a network to a graph, and to its file.
//!
//! ```text
//! continuous   lif, li: r = 1, w_in = tau_syn, weights as they are       lif_delta: r = tau_mem, weights as they are
//! discrete     lif, li: r = tau_mem/dt, w_in = tau_syn/dt, weights × dt/tau_mem       lif_delta: r = 1, weights / (1 − e^(−dt/tau_mem))
//! ```
//!
//! A constant current moves the leak potential; one that the synapse counters at time 0 becomes the bias of an Affine. A connection becomes a
//! matrix, with zeros where it joins nothing, and a Delay before or behind it.
//!
//! Not here: the file (`file.rs`).

use crate::form::MOST_SYNAPSES;
use crate::neurons::NO_LEAK;
use crate::{Array, Convention, Graph, Kind, NirError, Node};
use spikegrad_dynamics::lif::delta;
use spikegrad_dynamics::math::exp_m1;
use spikegrad_dynamics::receptors::Options;
use spikegrad_network::{
    ConnectionParameters, Model, Network, Parameters, Population, PopulationParameters, Source,
    Synapse,
};
use std::collections::BTreeSet;
use std::path::Path;

/// Writes a network as a NIR file, which replaces what stands at `path` when all of it is on the disk.
///
/// # Errors
/// [`NirError::Population`] or [`NirError::Connection`] for what NIR has no node for, [`NirError::Step`] for a step that is not shorter than
/// the time constants, and what can go wrong with a file.
pub fn write(
    network: &Network,
    parameters: &Parameters,
    path: impl AsRef<Path>,
    convention: Convention,
) -> Result<(), NirError> {
    Graph::from_network(network, parameters, convention)?.write(path.as_ref())
}

/// A population as a node, and what the connections to it must bring.
struct Target {
    node: Node,
    /// What the weights to each neuron are multiplied by.
    factors: Vec<f64>,
    /// The constant that must enter each neuron.
    bias: Option<Array>,
}

/// Nodes and edges under way.
#[derive(Default)]
struct Sketch {
    names: BTreeSet<String>,
    nodes: Vec<Node>,
    edges: Vec<(String, String)>,
}

impl Sketch {
    /// A name that is not taken.
    fn name(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        while !self.names.insert(name.clone()) {
            name.push('_');
        }
        name
    }

    /// Adds a node behind the one called `behind`, and returns its name.
    fn add(&mut self, node: Node, behind: &str) -> String {
        let name = self.name(&node.name);
        self.nodes.push(Node { name: name.clone(), ..node });
        self.edges.push((behind.into(), name.clone()));
        name
    }

    /// Adds a delay behind the node called `behind`, if there is one.
    fn delay(&mut self, name: &str, delays: Option<Vec<f64>>, behind: &str) -> String {
        match delays {
            None => behind.into(),
            Some(list) => {
                self.add(Node::new(name, Kind::Delay).with("delay", Array::list(list)), behind)
            }
        }
    }
}

impl Graph {
    /// The graph of a network.
    ///
    /// # Errors
    /// As [`write()`], but for the file.
    pub fn from_network(
        network: &Network,
        parameters: &Parameters,
        convention: Convention,
    ) -> Result<Self, NirError> {
        parameters.check(network)?;
        let mut sketch = Sketch::default();
        let input = sketch.name("input");
        sketch.nodes.push(Node::new(&input, Kind::Input).with("shape", shape(network.inputs())));
        let mut targets = Vec::new();
        for (population, values) in network.populations().iter().zip(&parameters.populations) {
            targets.push(Target::of(population, values, convention)?);
            sketch.names.insert(population.name.clone());
        }
        for k in 0..network.connections().len() {
            let target = &mut targets[network.connections()[k].to];
            connect(&mut sketch, (network, k), &parameters.connections[k], target)?;
        }
        for target in &mut targets {
            // A bias into a population that nothing leads to comes with weights of 0 from the inputs.
            if target.bias.is_some() {
                let zeros = vec![0.0; target.factors.len() * network.inputs()];
                let node = target.weights(&format!("input_to_{}", target.node.name), zeros);
                let weights = sketch.add(node, &input);
                sketch.edges.push((weights, target.node.name.clone()));
            }
        }
        outputs(&mut sketch, network);
        sketch.nodes.extend(targets.into_iter().map(|target| target.node));
        Self::new(sketch.nodes, &sketch.edges)
    }
}

/// The shape of a list, as Input and Output have it.
#[expect(clippy::cast_precision_loss, reason = "a number of neurons, far below 2⁵³")]
fn shape(size: usize) -> Array {
    Array::list(vec![size as f64])
}

/// Leads the populations that drive no other to an Output each; the last one if every population drives another.
fn outputs(sketch: &mut Sketch, network: &Network) {
    let drives = |k: usize| {
        let mut connections = network.connections().iter();
        connections.any(|c| c.from == Source::Population(k) && c.to != k)
    };
    let populations = network.populations();
    let mut last: Vec<usize> = (0..populations.len()).filter(|&k| !drives(k)).collect();
    if last.is_empty() {
        last.extend(populations.len().checked_sub(1));
    }
    for &k in &last {
        let name = &populations[k].name;
        let wanted = if last.len() == 1 { "output".into() } else { format!("output_{name}") };
        let output = Node::new(wanted, Kind::Output).with("shape", shape(populations[k].size));
        sketch.add(output, name);
    }
}

impl Target {
    fn of(
        population: &Population,
        values: &PopulationParameters,
        convention: Convention,
    ) -> Result<Self, NirError> {
        let name = population.name.as_str();
        let refuse = |reason| Err(NirError::Population { population: name.into(), reason });
        if name.is_empty() || name == "." || name.contains('/') {
            return refuse("has a name that HDF5 cannot hold; rename it, without a slash");
        }
        let model = population.model;
        if model.receptors() > 1 {
            return refuse("has several receptors, which no NIR node has; give it one");
        }
        if model.options() != Options::default() {
            return refuse(
                "resets or holds its currents, which no NIR node does; leave the options out",
            );
        }
        let is_delta = match model {
            Model::Lif | Model::Li => false,
            Model::General(of) if *of == delta::LIF_DELTA => true,
            _ => {
                return refuse("has a model that NIR has no node for; take lif, li or lif_delta");
            }
        };
        let all = |path: &str| -> Vec<f64> {
            let of = |k| values.named(path).map_or(0.0, |values| values.get(k));
            (0..population.size).map(of).collect()
        };
        if all("params.t_ref").iter().any(|&t| t != 0.0) {
            return refuse("has a refractory time, which no NIR node has; set t_ref to 0");
        }
        if all("initial.v").iter().any(|&v| v != 0.0) {
            return refuse("starts at a potential, which no NIR node states; set initial.v to 0");
        }
        let (tau_mem, tau_syn) = (all("params.tau_mem"), all("params.tau_syn"));
        if let Convention::Discrete { dt } = convention {
            let times = if is_delta { &[][..] } else { &[&tau_mem, &tau_syn][..] };
            let shortest =
                times.iter().flat_map(|times| times.iter()).fold(f64::INFINITY, |a, &b| a.min(b));
            if !(dt > 0.0 && dt < shortest && dt.is_finite()) {
                let expected = format!(
                    "above 0 and shorter than the time constants of population {name}, {shortest:?} s"
                );
                return Err(NirError::Step { given: dt, expected });
            }
        }
        let (mut v_leak, i_bias, i) =
            (all("params.v_leak"), all("params.i_bias"), all("initial.i"));
        // A current that its synapse counters at time 0 is what a constant input leads to; any other moves the leak potential.
        let mut bias = vec![0.0; population.size];
        for k in 0..population.size {
            if i[k] == 0.0 {
                v_leak[k] += i_bias[k];
            } else if i[k].to_bits() == (-i_bias[k]).to_bits() {
                bias[k] = i_bias[k];
            } else {
                return refuse(
                    "starts with a current, which no NIR node states; set initial.i to 0",
                );
            }
        }
        let list = |f: &dyn Fn(usize) -> f64| (0..population.size).map(f).collect::<Vec<f64>>();
        let step = |k: usize| match convention {
            Convention::Continuous => tau_mem[k],
            Convention::Discrete { dt } => dt,
        };
        let is_integrator = is_delta
            && tau_mem.iter().all(|&tau| tau == NO_LEAK)
            && v_leak.iter().all(|&v| v == 0.0);
        let mut fields = vec![];
        let (kind, r, factors) = if !is_delta {
            let r = list(&|k| tau_mem[k] / step(k));
            let w_in = match convention {
                Convention::Continuous => tau_syn.clone(),
                Convention::Discrete { dt } => list(&|k| tau_syn[k] / dt),
            };
            (0..population.size).for_each(|k| bias[k] /= r[k] * w_in[k]);
            fields.extend([("tau_mem", tau_mem.clone()), ("tau_syn", tau_syn), ("w_in", w_in)]);
            let kind = if model == Model::Li { Kind::CubaLI } else { Kind::CubaLIF };
            (kind, r, list(&|k| step(k) / tau_mem[k]))
        } else {
            let kind = if is_integrator { Kind::IF } else { Kind::LIF };
            let (r, factors) = match convention {
                Convention::Continuous if is_integrator => (list(&|_| 1.0), list(&|_| 1.0)),
                Convention::Continuous => (tau_mem.clone(), list(&|_| 1.0)),
                Convention::Discrete { dt } if is_integrator => {
                    (list(&|_| 1.0), list(&|_| 1.0 / dt))
                }
                Convention::Discrete { dt } => {
                    (list(&|_| 1.0), list(&|k| 1.0 / -exp_m1(-dt / tau_mem[k])))
                }
            };
            (kind, r, factors)
        };
        if kind == Kind::LIF {
            fields.push(("tau", tau_mem));
        }
        if kind != Kind::IF {
            fields.push(("v_leak", v_leak));
        }
        if kind != Kind::CubaLI {
            fields
                .extend([("v_threshold", all("params.v_th")), ("v_reset", all("params.v_reset"))]);
        }
        fields.push(("r", r));
        let node = fields.into_iter().fold(Node::new(name, kind), |node, (field, values)| {
            node.with(field, Array::list(values))
        });
        let bias = bias.iter().any(|&b| b != 0.0).then(|| Array::list(bias));
        Ok(Self { node, factors, bias })
    }

    /// Weights to the population, and its bias unless another node has it already.
    fn weights(&mut self, name: &str, values: Vec<f64>) -> Node {
        let n_post = self.factors.len();
        let n_pre = values.len().checked_div(n_post).unwrap_or(0);
        let weight = Array { shape: vec![n_post, n_pre], values };
        match self.bias.take() {
            Some(bias) => Node::new(name, Kind::Affine).with("weight", weight).with("bias", bias),
            None => Node::new(name, Kind::Linear).with("weight", weight),
        }
    }
}

/// Adds the nodes of a connection: a delay by source, weights, a delay by target.
fn connect(
    sketch: &mut Sketch,
    (network, k): (&Network, usize),
    values: &ConnectionParameters,
    target: &mut Target,
) -> Result<(), NirError> {
    let connection = &network.connections()[k];
    let (n_pre, n_post) = network.shape(k);
    let from = match connection.from {
        Source::Input => "input",
        Source::Population(k) => network.populations()[k].name.as_str(),
    };
    let to = target.node.name.clone();
    let refuse = |reason| NirError::Connection { from: from.into(), to: to.clone(), reason };
    if n_pre.saturating_mul(n_post) as u64 > MOST_SYNAPSES {
        return Err(refuse("would be a matrix of more than two gigabytes; NIR has no sparse one"));
    }
    let pairs: Vec<Synapse> = network.synapses(k).collect();
    let mut weights = vec![0.0; n_pre * n_post];
    for (s, &Synapse { pre, post }) in pairs.iter().enumerate() {
        weights[post * n_pre + pre] +=
            values.weights[connection.weight_of(s)] * target.factors[post];
    }
    let delay = |s: usize| values.delay.get(connection.weight_of(s));
    let mut by_source = by_channel(pairs.iter().map(|pair| pair.pre), delay, n_pre);
    let mut by_target = None;
    if by_source.is_none() {
        by_target = by_channel(pairs.iter().map(|pair| pair.post), delay, n_post);
        if by_target.is_none() {
            return Err(refuse(
                "has delays that differ by source and by target, for which NIR has no node; make them one for each source, or for each target",
            ));
        }
    }
    by_source = by_source.filter(|delays| delays.iter().any(|&d| d != 0.0));
    let name = format!("{from}_to_{to}");
    let before = sketch.delay(&format!("{name}_delay"), by_source, from);
    let weights = sketch.add(target.weights(&name, weights), &before);
    let last = sketch.delay(&format!("{name}_delay"), by_target, &weights);
    sketch.edges.push((last, to));
    Ok(())
}

/// The delay of each channel, if all synapses of a channel have the same; those of channels without synapses are that of the first synapse.
fn by_channel(
    channels: impl Iterator<Item = usize>,
    delay: impl Fn(usize) -> f64,
    count: usize,
) -> Option<Vec<f64>> {
    let mut found: Vec<Option<f64>> = vec![None; count];
    let mut first = 0.0;
    for (s, channel) in channels.enumerate() {
        if s == 0 {
            first = delay(0);
        }
        if found[channel].get_or_insert(delay(s)).to_bits() != delay(s).to_bits() {
            return None;
        }
    }
    Some(found.into_iter().map(|delay| delay.unwrap_or(first)).collect())
}
