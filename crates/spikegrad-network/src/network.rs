//! The structure of a network: populations, and connections between them. No numbers that can be differentiated.
//!
//! A [`Network`] is checked when it is built, so that an engine can trust every index in it.
//! Not here: what a connection is (`connection.rs`), weights, delays, neuron parameters (`parameters.rs`).

use crate::Stimulus;
use crate::wording::shown;
use crate::{Connection, NamedNeuron, NetworkError, NeuronId, SharedWeights, Source, Synapses};
use spikegrad_dynamics::Scalar;
use spikegrad_dynamics::{General, GoesOn, NUMBERS, Table, alif, lif, qif, receptors};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Most neurons and inputs, together, that a network may have.
pub const MAX_NEURONS: usize = 1_000_000;

/// Most synapses that a network may have: each has a number of 32 bits.
pub const MAX_SYNAPSES: u64 = u32::MAX as u64;

/// What the neurons of a population are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Model {
    /// Leaky integrate-and-fire.
    Lif,
    /// Leaky integrator: never spikes, read by its membrane potential.
    Li,
    /// A neuron with given equations.
    General(&'static General),
}

/// Each number of a model at its own place.
const IN_ORDER: [usize; NUMBERS] = {
    let (mut all, mut k) = ([0; NUMBERS], 0);
    while k < NUMBERS {
        all[k] = k;
        k += 1;
    }
    all
};

impl Model {
    /// All models that the problem file knows.
    pub const ALL: [Self; 6] = [
        Self::Lif,
        Self::Li,
        Self::General(&lif::delta::LIF_DELTA),
        Self::General(&alif::ALIF),
        Self::General(&qif::QIF),
        Self::General(&qif::QIF_DELTA),
    ];

    /// What the model says of its numbers.
    #[must_use]
    pub fn table(self) -> &'static Table {
        match self {
            Self::Lif => &lif::TABLE,
            Self::Li => &lif::integrator::TABLE,
            Self::General(model) => model.table(),
        }
    }

    /// The model with this name in the problem file.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|model| model.table().model == name)
    }

    /// The same neuron with so many receptors, each with a time constant and a current of its own; `None` if it cannot have them.
    ///
    /// # Examples
    /// ```
    /// use spikegrad_network::Model;
    /// let two = Model::Lif.with_receptors(2).unwrap();
    /// assert_eq!(two.receptors(), 2);
    /// assert!(two.table().position("receptors[1].tau_syn").is_some());
    /// assert_eq!(Model::Lif.with_receptors(1), Some(Model::Lif));
    /// ```
    #[must_use]
    pub fn with_receptors(self, count: usize) -> Option<Self> {
        let one = Self::named(self.table().model).filter(|one| one.takes_receptors())?;
        match (one, count) {
            (_, 1) => Some(one),
            (Self::Lif, _) => receptors::lif(count).map(Self::General),
            (Self::Li, _) => receptors::integrator(count).map(Self::General),
            (Self::General(_), _) => alif::with_receptors(count).map(Self::General),
        }
    }

    /// What becomes of the synaptic currents of its neurons at their spikes.
    #[must_use]
    pub fn options(self) -> receptors::Options {
        match self {
            Self::Lif | Self::Li => receptors::Options::default(),
            Self::General(model) => receptors::Options::of(model.constants()),
        }
    }

    /// The same neuron with these options; `None` if it cannot have them.
    ///
    /// # Examples
    /// ```
    /// use spikegrad_dynamics::receptors::Options;
    /// use spikegrad_network::Model;
    /// let reset = Options { reset_current: true, hold_current: false };
    /// assert_eq!(Model::Lif.with_options(reset).unwrap().options(), reset);
    /// assert_eq!(Model::Li.with_options(reset), None);
    /// ```
    #[must_use]
    pub fn with_options(self, options: receptors::Options) -> Option<Self> {
        if options == self.options() {
            return Some(self);
        }
        let bare = Self::named(self.table().model)?;
        if options == receptors::Options::default() {
            return bare.with_receptors(self.receptors());
        }
        let model = match bare {
            Self::Lif => receptors::lif_with_options(self.receptors(), options),
            Self::General(of) if *of == alif::ALIF => alif::with_options(self.receptors(), options),
            Self::Li | Self::General(_) => None,
        };
        model.map(Self::General)
    }

    /// Whether its neurons may have several receptors.
    #[must_use]
    pub fn takes_receptors(self) -> bool {
        let name = self.table().model;
        [Self::Lif, Self::Li, Self::General(&alif::ALIF)].iter().any(|of| of.table().model == name)
    }

    /// Position of the time constant of a receptor, counted from 0.
    #[must_use]
    pub fn time_constant_of(self, receptor: usize) -> Option<usize> {
        let table = self.table();
        let one = table.position("params.tau_syn").filter(|_| receptor == 0);
        one.or_else(|| table.position(&format!("receptors[{receptor}].tau_syn")))
    }

    /// At how many receptors of a neuron arrivals may come.
    #[must_use]
    pub fn receptors(self) -> usize {
        match self {
            Self::Lif | Self::Li => 1,
            Self::General(model) => model.receptors(),
        }
    }

    /// Where the derivative with respect to each number of the table stands in the gradient of a neuron of a circuit.
    #[must_use]
    pub fn entries(self) -> &'static [usize] {
        match self {
            Self::Li => &lif::integrator::OF_LIF,
            Self::Lif | Self::General(_) => &IN_ORDER[..self.table().quantities.len()],
        }
    }

    /// Whether its neurons are linear between their spikes, as [`spikegrad_dynamics::Lif`] is.
    #[must_use]
    pub fn is_linear(self) -> bool {
        !matches!(self, Self::General(_))
    }

    /// Whether its neurons go on once a run has ended, so that a loss can read spikes that have not happened.
    #[must_use]
    pub fn goes_on(self) -> GoesOn {
        match self {
            Self::Lif | Self::Li => GoesOn::Never,
            Self::General(model) => model.goes_on(),
        }
    }

    /// Whether a current can be injected into its neurons.
    #[must_use]
    pub fn takes_current(self) -> bool {
        match self {
            Self::Lif | Self::Li => true,
            Self::General(model) => model.takes_current(),
        }
    }

    /// Whether its neurons spike.
    #[must_use]
    pub fn spikes(self) -> bool {
        self.table().model != lif::integrator::TABLE.model
    }
}

/// Neurons of one model under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Population {
    /// Unique name; not `input`.
    pub name: String,
    /// Number of neurons.
    pub size: usize,
    /// Their model.
    pub model: Model,
}

/// Populations and connections, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    inputs: usize,
    populations: Vec<Population>,
    connections: Vec<Connection>,
    /// First neuron of each population, and the number of all.
    first: Vec<usize>,
}

impl From<&Network> for Arc<Network> {
    /// A copy to share.
    fn from(network: &Network) -> Self {
        Self::new(network.clone())
    }
}

impl Network {
    /// Checks and keeps a structure with `inputs` input channels.
    ///
    /// # Errors
    /// [`NetworkError::TooLarge`], [`NetworkError::TooManySynapses`], [`NetworkError::Name`] or [`NetworkError::Index`], with the
    /// place. Nothing is allocated in proportion to a size.
    ///
    /// # Examples
    /// ```
    /// use spikegrad_network::{Connection, Model, Network, Population, Source, Synapses};
    /// let out = Population { name: "out".into(), size: 3, model: Model::Lif };
    /// let dense = Connection::new(Source::Input, 0, Synapses::Dense);
    /// let network = Network::new(5, vec![out], vec![dense])?;
    /// assert_eq!(network.synapse_count(0), 15);
    /// # Ok::<(), spikegrad_network::NetworkError>(())
    /// ```
    pub fn new(
        inputs: usize,
        populations: Vec<Population>,
        connections: Vec<Connection>,
    ) -> Result<Self, NetworkError> {
        let limited = |place: &dyn Fn() -> String, count: u64| {
            if count <= MAX_NEURONS as u64 {
                return Ok(());
            }
            Err(NetworkError::TooLarge { place: place(), count, limit: MAX_NEURONS })
        };
        limited(&|| "network.inputs".into(), inputs as u64)?;
        let mut first = vec![0];
        for (k, population) in populations.iter().enumerate() {
            let total = first[k] as u64;
            let count = (total + inputs as u64).saturating_add(population.size as u64);
            limited(&|| format!("network.populations[{k}].size"), count)?;
            first.push(first[k] + population.size);
            let taken = population.name == "input"
                || populations[..k].iter().any(|p| p.name == population.name);
            if taken {
                let place = format!("network.populations[{k}].name");
                return Err(NetworkError::Name { place, name: population.name.clone() });
            }
        }
        let network = Self { inputs, populations, connections, first };
        let mut synapses = 0;
        for k in 0..network.connections.len() {
            network.check_connection(k)?;
            synapses += network.synapse_count(k) as u64;
            if synapses > MAX_SYNAPSES {
                return Err(NetworkError::TooManySynapses {
                    place: format!("network.connections[{k}]"),
                    count: synapses,
                    limit: MAX_SYNAPSES,
                });
            }
        }
        Ok(network)
    }

    fn check_connection(&self, k: usize) -> Result<(), NetworkError> {
        let connection = &self.connections[k];
        let within = |field: fmt::Arguments<'_>, index: usize, count: usize, of: &'static str| {
            if index < count {
                return Ok(());
            }
            Err(NetworkError::Index {
                place: format!("network.connections[{k}].{field}"),
                index,
                count,
                of,
            })
        };
        let populations = self.populations.len();
        within(format_args!("to"), connection.to, populations, "populations")?;
        if let Source::Population(from) = connection.from {
            within(format_args!("from"), from, populations, "populations")?;
        }
        let receptors = self.populations[connection.to].model.receptors();
        within(format_args!("receptor"), connection.receptor, receptors, "receptors")?;
        if let Synapses::Sparse(list) = &connection.synapses {
            let (n_pre, n_post) = self.shape(k);
            for (s, synapse) in list.iter().enumerate() {
                within(format_args!("synapses[{s}].pre"), synapse.pre, n_pre, "sources")?;
                within(format_args!("synapses[{s}].post"), synapse.post, n_post, "targets")?;
            }
        }
        let Some(SharedWeights { count, weight_of }) = &connection.shared else { return Ok(()) };
        if weight_of.len() != self.synapse_count(k) {
            return Err(NetworkError::Length {
                place: format!("network.connections[{k}].weight_of"),
                found: weight_of.len(),
                expected: self.synapse_count(k),
                of: "synapse",
            });
        }
        for (s, &weight) in weight_of.iter().enumerate() {
            within(format_args!("weight_of[{s}]"), weight as usize, *count, "weights")?;
        }
        Ok(())
    }

    /// Number of input channels.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Whether all its neurons are linear between their spikes.
    #[must_use]
    pub fn is_linear(&self) -> bool {
        self.populations.iter().all(|population| population.model.is_linear())
    }

    /// The populations, in their order.
    #[must_use]
    pub fn populations(&self) -> &[Population] {
        &self.populations
    }

    /// The connections, in their order.
    #[must_use]
    pub fn connections(&self) -> &[Connection] {
        &self.connections
    }

    /// Number of neurons in all populations.
    #[must_use]
    pub fn neurons(&self) -> usize {
        self.first[self.populations.len()]
    }

    /// The neurons of the population at position `population`, as indices.
    ///
    /// # Panics
    /// If there is no such population.
    #[must_use]
    pub fn range(&self, population: usize) -> Range<usize> {
        self.first[population]..self.first[population + 1]
    }

    /// Checks that the network has all neurons into which `stimulus` injects a current, and that their models take it.
    ///
    /// # Errors
    /// [`NetworkError::Index`] or [`NetworkError::Current`], with the place among `stimulus.currents`.
    pub fn check_currents<T: Scalar>(&self, stimulus: &Stimulus<T>) -> Result<(), NetworkError> {
        let Some(currents) = stimulus.currents() else { return Ok(()) };
        for (k, current) in currents.injected().iter().enumerate() {
            for (position, neuron) in current.neurons.iter().enumerate() {
                let place = || format!("stimulus.currents[{k}].neurons[{position}]");
                let (index, count, of) = (neuron.index(), self.neurons(), "neurons");
                if index >= count {
                    return Err(NetworkError::Index { place: place(), index, count, of });
                }
                let model = self.populations[self.locate(*neuron).0].model;
                if !model.takes_current() {
                    let place = format!("stimulus.currents[{k}]");
                    return Err(NetworkError::Current { place, model: model.table().model });
                }
            }
        }
        Ok(())
    }

    /// The neurons of the population called `name`, as indices.
    #[must_use]
    pub fn neurons_of(&self, name: &str) -> Option<Range<usize>> {
        self.population(name).map(|population| self.range(population))
    }

    /// Position of the population called `name`.
    #[must_use]
    pub fn population(&self, name: &str) -> Option<usize> {
        self.populations.iter().position(|p| p.name == name)
    }

    /// The population of `neuron`, and its index there.
    ///
    /// # Panics
    /// If the id belongs to another network.
    #[must_use]
    pub fn locate(&self, neuron: NeuronId) -> (usize, usize) {
        let population = self.first.partition_point(|&first| first <= neuron.index()) - 1;
        (population, neuron.index() - self.first[population])
    }

    /// Sources and targets of the connection at position `connection`: (pre, post).
    ///
    /// # Panics
    /// If there is no such connection.
    #[must_use]
    pub fn shape(&self, connection: usize) -> (usize, usize) {
        let Connection { from, to, .. } = &self.connections[connection];
        let n_pre = match from {
            Source::Input => self.inputs,
            Source::Population(k) => self.populations[*k].size,
        };
        (n_pre, self.populations[*to].size)
    }

    /// Number of synapses of the connection at position `connection`.
    ///
    /// # Panics
    /// If there is no such connection.
    #[must_use]
    pub fn synapse_count(&self, connection: usize) -> usize {
        match &self.connections[connection].synapses {
            Synapses::Dense | Synapses::DenseBySource => {
                let (n_pre, n_post) = self.shape(connection);
                n_pre * n_post
            }
            Synapses::Sparse(list) => list.len(),
        }
    }

    /// The same network with the weights of dense connections by their source ([`Synapses::DenseBySource`]), but where synapses share them.
    ///
    /// ```
    /// use spikegrad_network::Network;
    /// let (network, parameters) = Network::builder()
    ///     .inputs(2)
    ///     .lif("out", 3)
    ///     .dense("input", "out", vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    ///     .build()?;
    /// let by_source = network.by_source();
    /// let parameters = parameters.reordered(&network, &by_source);
    /// assert_eq!(parameters.connections[0].weights, [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]);
    /// # Ok::<(), spikegrad_network::NetworkError>(())
    /// ```
    #[must_use]
    pub fn by_source(&self) -> Self {
        let mut network = self.clone();
        for connection in &mut network.connections {
            if connection.synapses == Synapses::Dense && connection.shared.is_none() {
                connection.synapses = Synapses::DenseBySource;
            }
        }
        network
    }

    /// Number of weights of the connection at position `connection`: one for each synapse, unless they share them.
    ///
    /// # Panics
    /// If there is no such connection.
    #[must_use]
    pub fn weight_count(&self, connection: usize) -> usize {
        let shared = self.connections[connection].shared.as_ref();
        shared.map_or_else(|| self.synapse_count(connection), |shared| shared.count)
    }

    /// `name[index]` of a neuron, for messages.
    ///
    /// # Panics
    /// If the id belongs to another network.
    #[must_use]
    pub fn describe(&self, neuron: NeuronId) -> String {
        let (population, index) = self.locate(neuron);
        format!("{}[{index}]", self.populations[population].name)
    }

    /// A neuron with its name, for messages.
    ///
    /// # Panics
    /// If there is no such neuron.
    #[must_use]
    pub fn named(&self, neuron: NeuronId) -> NamedNeuron {
        NamedNeuron { id: neuron, name: shown(&self.describe(neuron)) }
    }
}
