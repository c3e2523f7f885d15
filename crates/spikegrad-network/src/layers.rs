//! Which populations can be swept side by side, and what such a sweep needs of them.
//!
//! A **layer** is a population whose synapses are all dense with one delay for each connection: a spike reaches all of its
//! neurons at one time, as one row of weights. Layers that feed each other forward, each at most with a connection
//! to itself, are run one after the other, with no queue. A population with sparse connections is a layer, too, if it falls into cells (`cells.rs`), and so is one whose neurons hear apart from each other (`apart.rs`). Linear neurons are swept, and of the others quadratic ones with delta synapses that do not hear themselves.
//! [`Layers::new`] says yes, or why not.
//!
//! Not here: the sweeps (`spikegrad_simulate`, `spikegrad_adjoint`).

use crate::apart::Apart;
use crate::cells::Cells;
use crate::wiring::Wiring;
use crate::{Circuit, Connection, Model, Network, NeuronId, Population, Source, Time};
use spikegrad_dynamics::lanes::Numbers;
use spikegrad_dynamics::qif::QIF_DELTA;
use spikegrad_dynamics::qif::delta::{I_BIAS, TAU_MEM};
use spikegrad_dynamics::receptors::{self, ByParts, CurrentsState, Options, Superposed};
use spikegrad_dynamics::{GeneralNeuron, Neuron, Vector};
use std::cmp::Ordering;
use std::ops::Range;

/// Fewest neurons of a cell for which its sweep pays, on average over all cells of a network: alone in its cell a neuron leaves most of a register idle, and hears apart
/// (`benches/examples/cells.rs`).
const OF_A_CELL: usize = 2;

/// Populations in an order in which each hears only earlier ones and itself.
#[derive(Clone, Debug)]
pub struct Layers {
    layers: Vec<Layer>,
    /// Where the neurons of each population end.
    ends: Vec<usize>,
    /// Whether all weights of a group vanish, for each of the circuit.
    are_silent: Vec<bool>,
}

/// The neurons of a layer, which have K receptors.
#[derive(Clone, Debug)]
pub struct Body<const K: usize> {
    /// Each neuron.
    pub models: Vec<Superposed<K>>,
    /// Its state at time 0.
    pub initial: Vec<CurrentsState<K>>,
    /// The numbers of all, side by side.
    pub numbers: Numbers<K>,
}

impl<const K: usize> Default for Body<K> {
    fn default() -> Self {
        Self { models: Vec::new(), initial: Vec::new(), numbers: Numbers::default() }
    }
}

impl<const K: usize> Body<K> {
    /// Takes the values of `neurons` of a circuit; `None` if one has not K receptors.
    fn set<N: ByParts>(&mut self, circuit: &Circuit<f64, N>, neurons: Range<usize>) -> Option<()> {
        self.models.clear();
        for neuron in &circuit.neurons[neurons.clone()] {
            self.models.push(neuron.superposed()?);
        }
        let states = circuit.initial[neurons].iter();
        self.initial.clear();
        self.initial.extend(states.map(|&state| Superposed::from_vector(N::to_vector(state))));
        self.numbers.set(&self.models);
        Some(())
    }
}

/// The neurons of a layer of `qif_delta` neurons that share their time constant and their bias.
#[derive(Clone, Debug, Default)]
pub struct QuadraticBody {
    /// Each neuron.
    pub models: Vec<GeneralNeuron<f64>>,
    /// Its state at time 0.
    pub initial: Vec<Vector<f64>>,
}

impl QuadraticBody {
    /// Takes the values of `neurons` of a circuit; `None` if one is of another model, or has numbers of its own.
    fn set<N: ByParts>(&mut self, circuit: &Circuit<f64, N>, neurons: Range<usize>) -> Option<()> {
        self.models.clear();
        for neuron in &circuit.neurons[neurons.clone()] {
            self.models.push(*neuron.as_general().filter(|general| *general.model() == QIF_DELTA)?);
        }
        let states = circuit.initial[neurons].iter();
        self.initial.clear();
        self.initial.extend(states.map(|&state| N::to_vector(state)));
        let shared = |model: &GeneralNeuron<f64>| {
            [TAU_MEM, I_BIAS].map(|position| model.number(position).to_bits())
        };
        self.models.windows(2).all(|two| shared(&two[0]) == shared(&two[1])).then_some(())
    }
}

/// The neurons of a layer: linear ones by their number of receptors, or quadratic ones.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "as many receptors as the name says")]
pub enum Bodies {
    One(Body<1>),
    Two(Body<2>),
    Three(Body<3>),
    Four(Body<4>),
    Five(Body<5>),
    Six(Body<6>),
    Quadratic(QuadraticBody),
}

/// Does the same with the body of any number of receptors, and something else with one of quadratic neurons.
macro_rules! with_body {
    ($bodies:expr, $body:ident => $what:expr, $quadratic:ident => $else:expr) => {
        match $bodies {
            Bodies::One($body) => $what,
            Bodies::Two($body) => $what,
            Bodies::Three($body) => $what,
            Bodies::Four($body) => $what,
            Bodies::Five($body) => $what,
            Bodies::Six($body) => $what,
            Bodies::Quadratic($quadratic) => $else,
        }
    };
}

impl Bodies {
    fn new(model: Model) -> Option<Self> {
        if is_quadratic(model) {
            return Some(Self::Quadratic(QuadraticBody::default()));
        }
        Some(match model.receptors() {
            1 => Self::One(Body::default()),
            2 => Self::Two(Body::default()),
            3 => Self::Three(Body::default()),
            4 => Self::Four(Body::default()),
            5 => Self::Five(Body::default()),
            6 => Self::Six(Body::default()),
            _ => return None,
        })
    }
}

/// One population, its numbers side by side.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Position of the population.
    pub population: usize,
    /// Its neurons.
    pub neurons: Range<usize>,
    /// Whether it can spike.
    pub spikes: bool,
    /// Whether its neurons hear each other.
    pub is_recurrent: bool,
    /// What it hears, by source.
    pub incoming: Vec<Incoming>,
    /// Its neurons themselves; of cells the first, which is like all others.
    pub bodies: Bodies,
    /// If it falls into cells: these, which then know what it hears.
    pub cells: Option<Cells>,
    /// If its neurons hear apart from each other: what.
    pub apart: Option<Apart>,
}

/// A connection into a layer, with one delay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Incoming {
    /// Where it comes from.
    pub from: Source,
    /// Its delay, in seconds.
    pub delay: f64,
    /// At which receptor it arrives.
    pub receptor: usize,
    pub(crate) connection: usize,
    /// Position of its group among those of each of its sources, if that is the same for all.
    pub(crate) offset: Option<usize>,
}

impl Incoming {
    /// What arrives when one of its sources has fired: a group of the circuit, if that source has any synapse in it.
    #[must_use]
    #[inline]
    pub fn group(&self, wiring: Wiring<'_>, source: usize) -> Option<usize> {
        let mut groups = wiring.groups_of(source);
        match self.offset {
            Some(offset) => Some(groups.start + offset),
            None => groups.find(|&group| wiring.connection(group) == self.connection),
        }
    }

    /// When and as which group a firing of one of its sources arrives, if that source has any synapse in it.
    #[must_use]
    #[inline]
    pub fn arrival(
        &self,
        wiring: Wiring<'_>,
        (fired_at, source): (Time, usize),
    ) -> Option<(Time, usize)> {
        Some((fired_at.after(self.delay), self.group(wiring, source)?))
    }

    /// The group of a source of a dense connection, in which each source has a row of synapses.
    #[must_use]
    #[inline]
    pub fn row(&self, wiring: Wiring<'_>, source: usize) -> usize {
        self.group(wiring, source).unwrap_or(wiring.groups_of(source).start)
    }

    /// Inputs act first at an instant, then neurons in their order; what one of them does comes in the order of its groups.
    pub(crate) fn in_order(&self, other: &Self) -> Ordering {
        let source = |incoming: &Self| match incoming.from {
            Source::Input => 0,
            Source::Population(k) => k + 1,
        };
        let groups =
            self.delay.total_cmp(&other.delay).then(self.connection.cmp(&other.connection));
        source(self).cmp(&source(other)).then(groups)
    }
}

/// Why a network is not swept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotLayered {
    /// A sparse connection within a population, or to neurons that are not leaky.
    Sparse {
        /// Position of the connection.
        connection: usize,
    },
    /// A delay for each synapse, within a population, or to neurons that are not leaky or do not spike.
    OwnDelays {
        /// Position of the connection.
        connection: usize,
    },
    /// Neurons that hear apart, with a time constant for each.
    OwnTimeConstants {
        /// Position of the population.
        population: usize,
    },
    /// A model that the sweep does not know.
    Model {
        /// Position of the population.
        population: usize,
    },
    /// Quadratic neurons that hear themselves, or one source through two connections, or whose time constants or biases are their own.
    Quadratic {
        /// Position of the population.
        population: usize,
    },
    /// Populations that excite each other in a circle.
    Circle {
        /// One of them.
        population: usize,
    },
}

impl NotLayered {
    /// The reason in one clause, with the names of `network`.
    #[must_use]
    pub fn describe(self, network: &Network) -> String {
        let connection = |k: usize| {
            let connection = &network.connections()[k];
            let from = match connection.from {
                Source::Input => "input",
                Source::Population(p) => &network.populations()[p].name,
            };
            format!("the connection from {from} to {}", network.populations()[connection.to].name)
        };
        match self {
            Self::Sparse { connection: k } => format!("{} is sparse", connection(k)),
            Self::OwnDelays { connection: k } => {
                format!("{} has a delay for each synapse", connection(k))
            }
            Self::OwnTimeConstants { population } => format!(
                "population {} has a time constant for each neuron, and hears over sparse connections or delays for each synapse",
                network.populations()[population].name
            ),
            Self::Model { population } => {
                let Population { name, model, .. } = &network.populations()[population];
                if model.options() == Options::default() {
                    let model = model.table().model;
                    format!(
                        "population {name} is of the model {model}, which the sweep does not know"
                    )
                } else {
                    format!("population {name} resets or holds its currents at a spike")
                }
            }
            Self::Quadratic { population } => format!(
                "population {} of quadratic neurons hears itself, or one source through two connections, or has a time constant or a bias for each neuron",
                network.populations()[population].name
            ),
            Self::Circle { population } => format!(
                "population {} is one of several that hear each other",
                network.populations()[population].name
            ),
        }
    }
}

impl Layers {
    /// Lays the populations of `network` side by side, with the values of `circuit`.
    ///
    /// # Errors
    /// [`NotLayered`]: why it cannot be.
    pub fn new<N: ByParts>(
        network: &Network,
        circuit: &Circuit<f64, N>,
    ) -> Result<Self, NotLayered> {
        let is_known = |model: Model| match model {
            Model::Lif | Model::Li => true,
            Model::General(general) => receptors::is_linear(general) || is_quadratic(model),
        };
        if let Some(population) = network.populations().iter().position(|p| !is_known(p.model)) {
            return Err(NotLayered::Model { population });
        }
        let mut layers: Vec<Layer> = order(network)?
            .into_iter()
            .map(|population| layer(network, circuit, population))
            .collect::<Result<_, _>>()?;
        lay_cells(network, circuit, &mut layers)?;
        let ends = (0..network.populations().len()).map(|k| network.range(k).end).collect();
        let mut layers = Self { layers, ends, are_silent: Vec::new() };
        layers.look_at_weights(circuit.wiring());
        Ok(layers)
    }

    fn look_at_weights(&mut self, wiring: Wiring<'_>) {
        let is_silent = |group| wiring.weights[wiring.synapses(group)].iter().all(|w| *w == 0.0);
        self.are_silent.clear();
        self.are_silent.extend((0..wiring.groups.count()).map(is_silent));
    }

    /// Whether all weights of a group of synapses vanish.
    #[must_use]
    #[inline]
    pub fn is_silent(&self, group: usize) -> bool {
        self.are_silent[group]
    }

    /// Takes the values of `circuit`, of the same network, which has the delays that these layers were made with. `None` if these are no layers any more: quadratic
    /// neurons that shared their numbers do not.
    #[must_use]
    pub fn set<N: ByParts>(&mut self, circuit: &Circuit<f64, N>) -> Option<()> {
        for layer in &mut self.layers {
            layer.set(circuit)?;
        }
        self.look_at_weights(circuit.wiring());
        Some(())
    }

    /// Whether any neuron has several receptors.
    #[must_use]
    pub fn have_receptors(&self) -> bool {
        let has_one = |layer: &Layer| matches!(layer.bodies, Bodies::One(_) | Bodies::Quadratic(_));
        !self.layers.iter().all(has_one)
    }

    /// The layers; each hears only those before it, and itself.
    #[must_use]
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Number of neurons.
    #[must_use]
    pub fn neurons(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Position of the population of a neuron.
    #[must_use]
    pub fn population_of(&self, neuron: NeuronId) -> usize {
        self.ends.partition_point(|&end| end <= neuron.index())
    }
}

/// Populations, each after all that it hears but itself.
fn order(network: &Network) -> Result<Vec<usize>, NotLayered> {
    let count = network.populations().len();
    let mut is_placed = vec![false; count];
    let mut order = Vec::with_capacity(count);
    while order.len() < count {
        let is_ready = |k: &usize| {
            !is_placed[*k]
                && network.connections().iter().filter(|c| c.to == *k).all(|c| match c.from {
                    Source::Population(from) => from == *k || is_placed[from],
                    Source::Input => true,
                })
        };
        let Some(next) = (0..count).find(is_ready) else {
            let population = is_placed.iter().position(|placed| !placed).unwrap_or(0);
            return Err(NotLayered::Circle { population });
        };
        is_placed[next] = true;
        order.push(next);
    }
    Ok(order)
}

fn layer<N: ByParts>(
    network: &Network,
    circuit: &Circuit<f64, N>,
    population: usize,
) -> Result<Layer, NotLayered> {
    let is_sparse = |c: &Connection| c.to == population && !c.synapses.is_dense();
    if let Some(connection) = network.connections().iter().position(is_sparse) {
        let not_known = NotLayered::Sparse { connection };
        return layer_of_cells(network, circuit, population)
            .map_or_else(|| layer_apart(network, circuit, population, not_known), Ok);
    }
    let mut incoming = Vec::new();
    for (k, connection) in network.connections().iter().enumerate() {
        let (n_pre, n_post) = network.shape(k);
        if connection.to != population || n_pre == 0 || n_post == 0 {
            continue;
        }
        let first_source = match connection.from {
            Source::Input => 0,
            Source::Population(from) => network.inputs() + network.range(from).start,
        };
        let receptor = connection.receptor;
        let mut found =
            Incoming { from: connection.from, delay: 0.0, receptor, connection: k, offset: None };
        let wiring = circuit.wiring();
        let row = found.row(wiring, first_source);
        let offset = row - circuit.groups_of(first_source).start;
        found.delay = circuit.delay(row);
        let mut sources = first_source..first_source + n_pre;
        let is_row = |source: usize| {
            let group = circuit.group(found.row(wiring, source));
            let is_late_alike = group.delay.to_bits() == found.delay.to_bits();
            group.synapses.len() == n_post && group.connection == k && is_late_alike
        };
        if !sources.clone().all(is_row) {
            let not_known = NotLayered::OwnDelays { connection: k };
            return layer_apart(network, circuit, population, not_known);
        }
        let is_there =
            |source| found.row(wiring, source) == circuit.groups_of(source).start + offset;
        found.offset = sources.all(is_there).then_some(offset);
        incoming.push(found);
    }
    incoming.sort_by(Incoming::in_order);
    let (model, not_known) =
        (network.populations()[population].model, NotLayered::Model { population });
    let is_recurrent = incoming.iter().any(|i| i.from == Source::Population(population));
    let not_known =
        if is_quadratic(model) { NotLayered::Quadratic { population } } else { not_known };
    // Sources stand in order.
    let hears_twice = incoming.windows(2).any(|two| two[0].from == two[1].from);
    if is_quadratic(model) && (is_recurrent || hears_twice) {
        return Err(not_known);
    }
    let bodies = Bodies::new(model).ok_or(not_known)?;
    let (neurons, spikes) = (network.range(population), model.spikes());
    let mut layer = Layer {
        population,
        neurons,
        spikes,
        is_recurrent,
        incoming,
        bodies,
        cells: None,
        apart: None,
    };
    layer.set(circuit).ok_or(not_known)?;
    Ok(layer)
}

/// Lays out the cells of all layers, if there are any and a sweep of them pays.
fn lay_cells<N: ByParts>(
    network: &Network,
    circuit: &Circuit<f64, N>,
    layers: &mut [Layer],
) -> Result<(), NotLayered> {
    let is_sparse = |c: &Connection| !c.synapses.is_dense();
    let Some(connection) = network.connections().iter().position(is_sparse) else { return Ok(()) };
    let cells = layers.iter().filter_map(|layer| layer.cells.as_ref());
    let [neurons, cells] = cells.fold([0; 2], |[neurons, cells], of_layer| {
        [neurons + of_layer.count() * of_layer.size(), cells + of_layer.count()]
    });
    let not_known = NotLayered::Sparse { connection };
    for layer in layers.iter_mut().filter(|layer| layer.cells.is_some()) {
        if neurons >= OF_A_CELL * cells {
            layer.lay(circuit).ok_or(not_known)?;
        } else {
            *layer = layer_apart(network, circuit, layer.population, not_known)?;
        }
    }
    Ok(())
}

/// A layer with sparse connections, whose rows and values are still to come: of `lif` neurons that share their numbers, do not hear each other, and fall into cells.
fn layer_of_cells<N: ByParts>(
    network: &Network,
    circuit: &Circuit<f64, N>,
    population: usize,
) -> Option<Layer> {
    let model = network.populations()[population].model;
    if model != Model::Lif || hears_itself(network, population) {
        return None;
    }
    Some(Layer {
        population,
        neurons: network.range(population),
        spikes: true,
        is_recurrent: false,
        incoming: Vec::new(),
        bodies: Bodies::new(model)?,
        cells: Some(Cells::new(network, circuit, population)?),
        apart: None,
    })
}

/// A layer of `lif` neurons that share their time constants, do not hear each other, and hear apart; or `why` its population is none.
fn layer_apart<N: ByParts>(
    network: &Network,
    circuit: &Circuit<f64, N>,
    population: usize,
    why: NotLayered,
) -> Result<Layer, NotLayered> {
    let model = network.populations()[population].model;
    let bodies =
        Bodies::new(model).filter(|_| model == Model::Lif && !hears_itself(network, population));
    let mut layer = Layer {
        population,
        neurons: network.range(population),
        spikes: true,
        is_recurrent: false,
        incoming: Vec::new(),
        bodies: bodies.ok_or(why)?,
        cells: None,
        apart: Some(Apart::new(network, circuit, population)),
    };
    layer.set(circuit).ok_or(NotLayered::OwnTimeConstants { population })?;
    Ok(layer)
}

fn hears_itself(network: &Network, population: usize) -> bool {
    let is_loop = |c: &Connection| c.to == population && c.from == Source::Population(population);
    network.connections().iter().any(is_loop)
}

fn is_quadratic(model: Model) -> bool {
    matches!(model, Model::General(general) if *general == QIF_DELTA)
}

impl Layer {
    /// Lays out its cells, and takes the values of the circuit.
    fn lay<N: ByParts>(&mut self, circuit: &Circuit<f64, N>) -> Option<()> {
        if let Some(cells) = &mut self.cells {
            cells.lay(circuit, self.neurons.start);
        }
        self.set(circuit)
    }

    fn set<N: ByParts>(&mut self, circuit: &Circuit<f64, N>) -> Option<()> {
        let mut neurons = self.neurons.clone();
        if let Some(cells) = &mut self.cells {
            let shared = &circuit.representatives()[neurons.clone()];
            if shared.iter().any(|representative| *representative != shared[0]) {
                return None;
            }
            cells.set(&circuit.weights);
            neurons.end = neurons.start + cells.size();
        }
        let apart = self.apart.is_some();
        with_body!(
            &mut self.bodies,
            body => body.set(circuit, neurons).filter(|()| !apart || body.numbers.share_motions()),
            quadratic => quadratic.set(circuit, neurons)
        )
    }

    /// How many synapses a firing of one of the sources of a connection `from` reaches at most, if it has any here.
    #[must_use]
    pub fn hears(&self, from: Source) -> usize {
        let of_cells = self.cells.iter().flat_map(Cells::incoming).map(|i| i.from);
        let all = self.incoming.iter().map(|i| i.from).chain(of_cells);
        let apart = self.apart.as_ref().map_or(0, |apart| apart.reach(from));
        all.filter(|source| *source == from).count() * self.neurons.len() + apart
    }

    /// How many bytes the numbers of its neurons take that stand side by side.
    #[must_use]
    pub fn bytes_of_numbers(&self) -> usize {
        with_body!(&self.bodies, body => body.numbers.bytes(), _body => 0)
    }
}
