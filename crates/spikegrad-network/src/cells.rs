//! Populations with sparse connections, cut into **cells**: neurons that hear the very same sources, as the channels of a convolution at one place do.
//!
//! Within a cell all is dense: what one of its neurons hears, all hear at the same time. So each cell can be swept like a small layer, with rows of weights of its own. Not here: the
//! order of layers (`layers.rs`), the sweep (`spikegrad_simulate`).

use crate::wiring::Wiring;
use crate::{Circuit, Incoming, Network, NeuronId};
use spikegrad_dynamics::Neuron;

/// The cells of a population, which have equally many neurons.
#[derive(Clone, Debug)]
pub struct Cells {
    /// Neurons of each.
    size: usize,
    /// Index in the population of each neuron, cell after cell.
    neurons: Vec<usize>,
    /// Where in that list each neuron of the population stands.
    place_of: Vec<usize>,
    /// What they hear, by source.
    incoming: Vec<Incoming>,
    /// For each group of the circuit, where its rows begin, and the number of all rows.
    first_row: Vec<usize>,
    /// The cell that each row reaches.
    reached: Vec<usize>,
    /// The synapse of each weight in the circuit.
    synapses: Vec<usize>,
    /// Rows of weights, one for each neuron of the cell that is reached.
    weights: Vec<f64>,
    /// Whether all weights of a row vanish.
    are_silent: Vec<bool>,
}

impl Cells {
    /// Cuts a population that does not hear itself, without its rows; `None` if its cells are of different sizes, or if a connection has several delays or a pair of neurons several synapses.
    pub(crate) fn new<N: Neuron<f64>>(
        network: &Network,
        circuit: &Circuit<f64, N>,
        population: usize,
    ) -> Option<Self> {
        let (range, wiring) = (network.range(population), circuit.wiring());
        let mut incoming = Vec::new();
        for (k, connection) in network.connections().iter().enumerate() {
            let has_synapses = network.synapse_count(k) > 0;
            if connection.to == population && has_synapses {
                let mut groups = (0..wiring.groups.count()).filter(|&g| wiring.connection(g) == k);
                let delay = circuit.delay(groups.next()?);
                if !groups.all(|group| circuit.delay(group).to_bits() == delay.to_bits()) {
                    return None;
                }
                let (from, receptor) = (connection.from, connection.receptor);
                incoming.push(Incoming { from, delay, receptor, connection: k, offset: None });
            }
        }
        incoming.sort_by(Incoming::in_order);
        let targets = |group: usize| &circuit.targets[wiring.synapses(group)];
        let index = |target: &NeuronId| target.index() - range.start;
        let mut classes = Classes::new(range.len());
        for group in groups_of(&incoming, wiring) {
            let are_distinct = targets(group).windows(2).all(|two| two[0] != two[1]);
            if !are_distinct {
                return None;
            }
            classes.split(targets(group).iter().map(index));
        }
        let (size, neurons, place_of) = classes.into_cells()?;
        Some(Self {
            size,
            neurons,
            place_of,
            incoming,
            first_row: vec![0],
            reached: Vec::new(),
            synapses: Vec::new(),
            weights: Vec::new(),
            are_silent: Vec::new(),
        })
    }

    /// Lays the synapses of each source and cell side by side; `first` is the first neuron of the population.
    pub(crate) fn lay<N: Neuron<f64>>(&mut self, circuit: &Circuit<f64, N>, first: usize) {
        let wiring = circuit.wiring();
        let size = self.size;
        // For each cell the row of the group under way.
        let mut row_of = vec![None; self.count()];
        let mut heard = groups_of(&self.incoming, wiring).peekable();
        for group in 0..wiring.groups.count() {
            let own = self.reached.len();
            if heard.next_if_eq(&group).is_some() {
                for synapse in wiring.synapses(group) {
                    let (cell, place) = self.place_of(circuit.targets[synapse].index() - first);
                    let row = *row_of[cell].get_or_insert_with(|| {
                        self.reached.push(cell);
                        self.synapses.resize(self.reached.len() * size, 0);
                        self.reached.len() - 1
                    });
                    self.synapses[row * size + place] = synapse;
                }
            }
            self.reached[own..].iter().for_each(|&cell| row_of[cell] = None);
            self.first_row.push(self.reached.len());
        }
    }

    /// Takes the weights of a circuit.
    pub(crate) fn set(&mut self, weights: &[f64]) {
        let Self { size, synapses, weights: own, are_silent, .. } = self;
        own.clear();
        own.extend(synapses.iter().map(|&synapse| weights[synapse]));
        are_silent.clear();
        are_silent.extend(own.chunks(*size).map(|row| row.iter().all(|weight| *weight == 0.0)));
    }

    /// How many neurons each has.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.neurons.len() / self.size
    }

    /// The neurons of a cell, by their indices in the population.
    ///
    /// # Panics
    /// If there is no such cell.
    #[must_use]
    pub fn neurons(&self, cell: usize) -> &[usize] {
        &self.neurons[cell * self.size..][..self.size]
    }

    /// The cell of a neuron and its position there, by its index in the population.
    ///
    /// # Panics
    /// If there is no such neuron.
    #[must_use]
    pub fn place_of(&self, neuron: usize) -> (usize, usize) {
        let place = self.place_of[neuron];
        (place / self.size, place % self.size)
    }

    /// What they hear, by source.
    #[must_use]
    pub fn incoming(&self) -> &[Incoming] {
        &self.incoming
    }

    /// Each cell that a group of the circuit reaches, and the row of weights that arrives there.
    ///
    /// # Panics
    /// If there is no such group.
    pub fn reached_by(&self, group: usize) -> impl Iterator<Item = (usize, usize)> {
        let rows = self.first_row[group]..self.first_row[group + 1];
        rows.map(|row| (self.reached[row], row))
    }

    /// The synapses of a row in the circuit.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn synapses(&self, row: usize) -> &[usize] {
        &self.synapses[row * self.size..][..self.size]
    }

    /// All rows after each other.
    #[must_use]
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Whether what arrives at a cell at one instant, these rows, has any effect: one of their sums does not vanish.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn have_effect(&self, rows: &[usize]) -> bool {
        match *rows {
            [row] => !self.are_silent[row],
            _ => {
                let weight = |row: usize, k: usize| self.weights[row * self.size + k];
                (0..self.size).any(|k| rows.iter().map(|&row| weight(row, k)).sum::<f64>() != 0.0)
            }
        }
    }
}

/// The groups of a circuit that belong to some of its connections, in order.
fn groups_of(incoming: &[Incoming], wiring: Wiring<'_>) -> impl Iterator<Item = usize> {
    let is_heard = move |&group: &usize| {
        incoming.iter().any(|incoming| incoming.connection == wiring.connection(group))
    };
    (0..wiring.groups.count()).filter(is_heard)
}

/// Neurons by what they have heard so far.
#[derive(Debug)]
struct Classes {
    class_of: Vec<usize>,
    /// Members of each class.
    sizes: Vec<usize>,
    /// How many of each hear the group under way, and the class that these become; none and nothing between.
    hearing: Vec<usize>,
    becomes: Vec<Option<usize>>,
}

impl Classes {
    /// All neurons in one class.
    fn new(count: usize) -> Self {
        Self { class_of: vec![0; count], sizes: vec![count], hearing: vec![0], becomes: vec![None] }
    }

    /// Takes apart those who hear a group and those who do not.
    fn split(&mut self, who: impl Iterator<Item = usize> + Clone) {
        let Self { class_of, sizes, hearing, becomes } = self;
        who.clone().for_each(|n| hearing[class_of[n]] += 1);
        let mut heard_in = Vec::new();
        for n in who {
            let old = class_of[n];
            // Where a whole class hears it, nothing changes.
            if hearing[old] < sizes[old] {
                class_of[n] = *becomes[old].get_or_insert_with(|| {
                    sizes.push(hearing[old]);
                    heard_in.push(old);
                    sizes.len() - 1
                });
            } else {
                heard_in.push(old);
            }
        }
        for old in heard_in {
            if becomes[old].take().is_some() {
                sizes[old] -= hearing[old];
            }
            hearing[old] = 0;
        }
        hearing.resize(sizes.len(), 0);
        becomes.resize(sizes.len(), None);
    }

    /// The size of all cells, their neurons cell after cell, and the place of each neuron there.
    fn into_cells(self) -> Option<(usize, Vec<usize>, Vec<usize>)> {
        let Self { class_of, sizes, .. } = self;
        let size = *sizes.first()?;
        if size == 0 || sizes.iter().any(|other| *other != size) {
            return None;
        }
        let mut neurons: Vec<usize> = (0..class_of.len()).collect();
        // By class, and there in order.
        neurons.sort_by_key(|&n| class_of[n]);
        let mut place_of = vec![0; neurons.len()];
        for (place, &n) in neurons.iter().enumerate() {
            place_of[n] = place;
        }
        Some((size, neurons, place_of))
    }
}
