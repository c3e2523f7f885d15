//! A network laid out for an engine: neurons side by side, synapses by source in the order of their delays.
//!
//! A spike reaches its targets in **groups**: the synapses of one source in one connection that share a delay. An engine
//! keeps one cursor for each spike under way, never an entry for each synapse. Sources are the inputs, then the neurons.
//!
//! Not here: how synapses are sorted (`groups.rs`); the order of parameters in a file (`parameters.rs`), to which the
//! circuit knows the way back.

use crate::groups::{Groups, Layout};
use crate::pseudospikes::ends;
use crate::wording::shown;
use crate::{
    Connection, ConnectionParameters, Form, Model, NamedNeuron, Network, NetworkError, NeuronId,
    Parameters, Source, Synapses, Values, Wiring,
};
use spikegrad_dynamics::lif::{self, IntegratorParameters, integrator};
use spikegrad_dynamics::{AnyNeuron, GeneralNeuron, Lif, LifParameters, Neuron, Scalar};
use std::ops::Range;
use std::sync::Arc;

/// The synapses of one source in one connection that share a delay: all of them, or one.
#[derive(Clone, Debug, PartialEq)]
pub struct Group<T> {
    /// Their delay, in seconds.
    pub delay: T,
    /// Positions in [`Circuit::targets`] and [`Circuit::weights`].
    pub synapses: Range<usize>,
    /// Position of their connection.
    pub connection: usize,
}

/// Neurons and synapses with their values, ready to run.
#[derive(Clone, Debug)]
pub struct Circuit<T: Scalar = f64, N: Neuron<T> = Lif<T>> {
    inputs: usize,
    /// Every neuron.
    pub neurons: Vec<N>,
    /// State of every neuron at time 0.
    pub initial: Vec<N::State>,
    /// Target of each synapse.
    pub targets: Vec<NeuronId>,
    /// Weight of each synapse.
    pub weights: Vec<T>,
    /// Index of each synapse's weight among those of its connection, and of its delay where these differ.
    pub weight_of: Vec<u32>,
    /// For each connection, how its weights stand in the parameters.
    orders: Arc<[Order]>,
    /// For each connection, at which receptor it arrives.
    receptors: Arc<[usize]>,
    /// Name and first neuron of each population.
    names: Arc<[(String, usize)]>,
    /// For each connection the population that it comes from, if not the input, and the one that it leads to.
    ends: Arc<[(Option<usize>, usize)]>,
    groups: Groups<T>,
    /// What the groups were laid out for: a delay of its own makes a synapse a group of its own.
    form: Form,
    /// For each neuron, the first with the same parameters.
    representatives: Vec<u32>,
}

/// How the weights of a connection stand in the parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// A row for each target, of as many sources; each is the weight of one synapse. Sources have their synapses in the order of the targets.
    Matrix { columns: usize },
    /// A row for each source, of as many targets; each is the weight of one synapse.
    BySource,
    /// One for each synapse, in any order: delays of their own make one for each source.
    Listed,
    /// Fewer than synapses.
    Shared,
}

impl Order {
    fn of(network: &Network, connection: usize, form: &Form) -> Self {
        let Connection { synapses, shared, .. } = &network.connections()[connection];
        match synapses {
            _ if shared.is_some() => Self::Shared,
            Synapses::Dense if !form.has_own_delays(connection) => {
                Self::Matrix { columns: network.shape(connection).0 }
            }
            Synapses::DenseBySource if !form.has_own_delays(connection) => Self::BySource,
            _ => Self::Listed,
        }
    }
}

/// A kind of neuron that a circuit can be made of.
pub trait Build<T: Scalar>: Neuron<T> {
    /// The neuron of this model with the values at the positions of its table, and its state at time 0; `None` if it is not of this kind.
    fn build(model: Model, value: impl Fn(usize) -> T) -> Option<(Self, Self::State)>;
}

impl<T: Scalar> Build<T> for Lif<T> {
    fn build(model: Model, value: impl Fn(usize) -> T) -> Option<(Self, Self::State)> {
        let (neuron, [v, i]) = match model {
            Model::Lif => (Self::new(LifParameters::from_table(&value)), [lif::V, lif::I]),
            Model::Li => (
                Self::integrator(IntegratorParameters::from_table(&value)),
                [integrator::V, integrator::I],
            ),
            Model::General(_) => return None,
        };
        Some((neuron, neuron.state(value(v), value(i))))
    }
}

impl<T: Scalar> Build<T> for AnyNeuron<T> {
    fn build(model: Model, value: impl Fn(usize) -> T) -> Option<(Self, Self::State)> {
        if let Model::General(model) = model {
            let neuron = GeneralNeuron::new(model, value)?;
            return Some((Self::General(neuron), neuron.initial()));
        }
        let (neuron, state) = Lif::build(model, value)?;
        Some((Self::Lif(neuron), Lif::to_vector(state)))
    }
}

impl<T: Scalar> Circuit<T> {
    /// [`Self::of`] of a network whose neurons are all linear.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn new(network: &Network, parameters: &Parameters<T>) -> Result<Self, NetworkError> {
        Self::of(network, parameters)
    }
}

impl<N: Neuron<f64>> Circuit<f64, N> {
    /// Its synapses alone.
    #[must_use]
    pub fn wiring(&self) -> Wiring<'_> {
        let Self { inputs, groups, receptors, names, targets, weights, .. } = self;
        Wiring { inputs: *inputs, groups, receptors, names, targets, weights }
    }
}

/// The population of a neuron, by the name and first neuron of each.
fn population_of(names: &[(String, usize)], neuron: NeuronId) -> usize {
    names.partition_point(|&(_, first)| first <= neuron.index()).saturating_sub(1)
}

/// A neuron with its name, by the name and first neuron of each population.
pub(crate) fn named(names: &[(String, usize)], neuron: NeuronId) -> NamedNeuron {
    let n = neuron.index();
    let name = names.get(population_of(names, neuron));
    let name = name.map_or_else(|| n.to_string(), |(name, first)| format!("{name}[{}]", n - first));
    NamedNeuron { id: neuron, name: shown(&name) }
}

impl<T: Scalar, N: Build<T>> Circuit<T, N> {
    /// Checks `parameters` and lays them out.
    ///
    /// The work is in proportion to neurons and synapses.
    ///
    /// # Errors
    /// What [`Parameters::check`] finds; [`NetworkError::Kind`] for a model that is not of the kind `N`.
    pub fn of(network: &Network, parameters: &Parameters<T>) -> Result<Self, NetworkError> {
        parameters.check(network)?;
        let mut layout = Layout::new(network, parameters);
        for channel in 0..network.inputs() {
            layout.add_source(Source::Input, channel);
        }
        for (k, population) in network.populations().iter().enumerate() {
            for index in 0..population.size {
                layout.add_source(Source::Population(k), index);
            }
        }
        let (targets, weights, weight_of, groups) = layout.finish();
        let (form, connections) = (Form::of(parameters), 0..network.connections().len());
        let names = network.populations().iter().enumerate();
        let names = names.map(|(k, p)| (p.name.clone(), network.range(k).start));
        let mut circuit = Self {
            inputs: network.inputs(),
            neurons: Vec::new(),
            initial: Vec::new(),
            targets,
            weights,
            weight_of,
            orders: connections.map(|k| Order::of(network, k, &form)).collect(),
            receptors: network.connections().iter().map(|c| c.receptor).collect(),
            names: names.collect(),
            ends: ends(network).collect(),
            groups,
            form,
            representatives: Vec::new(),
        };
        circuit.set_neurons(network, parameters)?;
        Ok(circuit)
    }

    /// Takes other values for the same network, in whatever form, and says whether synapses and groups are in the same places as
    /// before: so they are, and nothing is allocated, where all delays are the same and shared by the same synapses. In either case
    /// the circuit is then what [`Self::of`] makes of these parameters.
    ///
    /// # Errors
    /// What [`Parameters::check`] finds; the circuit is then as before.
    pub fn set(
        &mut self,
        network: &Network,
        parameters: &Parameters<T>,
    ) -> Result<bool, NetworkError> {
        parameters.check(network)?;
        let has_same_delay = |group: usize| {
            let delay = &parameters.connections[self.groups.connection(group)].delay;
            let index = self.weight_of[self.synapses(group).start] as usize;
            let (delay, old) = (delay.get(index), self.delay(group));
            // −0.0 stands before 0.0 in the order of groups.
            delay.re().to_bits() == old.re().to_bits() && (delay - old).is_exactly_zero()
        };
        let has_same_form = |(k, values): (usize, &ConnectionParameters<T>)| {
            matches!(values.delay, Values::Each(_)) == self.form.has_own_delays(k)
        };
        let is_same_layout = parameters.connections.iter().enumerate().all(has_same_form)
            && (0..self.group_count()).all(has_same_delay);
        if !is_same_layout {
            *self = Self::of(network, parameters)?;
            return Ok(false);
        }
        self.form.set(parameters);
        self.set_neurons(network, parameters)?;
        let Self { groups, weight_of, weights, orders, .. } = self;
        groups.for_each_block(|connection, block| {
            let values = &parameters.connections[connection].weights;
            let index = |place: usize| weight_of[place] as usize;
            match orders[connection] {
                Order::Matrix { columns } => {
                    let read = |place: usize, at: usize| weights[place] = values[at];
                    block.for_each_in_matrix(index(block.first()), columns, read);
                }
                Order::BySource => block.rows().for_each(|row| {
                    let at = index(row.start);
                    weights[row.clone()].copy_from_slice(&values[at..at + row.len()]);
                }),
                _ => block.for_each_synapse(|place| weights[place] = values[index(place)]),
            }
        });
        Ok(true)
    }

    fn set_neurons(
        &mut self,
        network: &Network,
        parameters: &Parameters<T>,
    ) -> Result<(), NetworkError> {
        let Self { neurons, initial, representatives, .. } = self;
        neurons.clear();
        initial.clear();
        representatives.clear();
        let populations = network.populations().iter().zip(&parameters.populations);
        for (position, (population, values)) in populations.enumerate() {
            let first = neurons.len();
            let is_shared = values.values().all(|(_, v)| matches!(v, Values::Shared(_)));
            for k in 0..population.size {
                representatives.push(NeuronId::new(if is_shared { first } else { first + k }).0);
                let built = N::build(population.model, values.of(k));
                let (neuron, state) = built.ok_or_else(|| NetworkError::Kind {
                    place: format!("network.populations[{position}]"),
                    model: population.model.table().model,
                })?;
                initial.push(state);
                neurons.push(neuron);
            }
        }
        Ok(())
    }
}

impl<T: Scalar, N: Neuron<T>> Circuit<T, N> {
    /// The same circuit with every neuron replaced by one that has the same state.
    #[must_use]
    pub fn with_neurons<M: Neuron<T, State = N::State>>(
        self,
        replace: impl FnMut(N) -> M,
    ) -> Circuit<T, M> {
        let Self {
            inputs,
            neurons,
            initial,
            targets,
            weights,
            weight_of,
            orders,
            receptors,
            names,
            ends,
            groups,
            form,
            representatives: _,
        } = self;
        let neurons: Vec<M> = neurons.into_iter().map(replace).collect();
        let representatives = (0..neurons.len()).map(|n| NeuronId::new(n).0).collect();
        Circuit {
            inputs,
            neurons,
            initial,
            targets,
            weights,
            weight_of,
            orders,
            receptors,
            names,
            ends,
            groups,
            form,
            representatives,
        }
    }

    /// The form of the parameters that the circuit has, which is that of their gradient.
    #[must_use]
    pub fn form(&self) -> &Form {
        &self.form
    }

    /// Number of input channels; sources `0..inputs` are these, the neurons follow.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// For each neuron, the position of the first that has the same parameters, as far as the layout knows: a population that
    /// shares them is read in one place.
    #[must_use]
    pub fn representatives(&self) -> &[u32] {
        &self.representatives
    }

    /// For each connection the population that it comes from, if not the input, and the one that it leads to.
    pub(crate) fn ends(&self) -> &[(Option<usize>, usize)] {
        &self.ends
    }

    /// Number of populations.
    pub(crate) fn populations(&self) -> usize {
        self.names.len()
    }

    /// The neurons of each population; all targets of a group are of one.
    pub fn ranges(&self) -> impl Iterator<Item = Range<usize>> {
        (0..self.populations()).map(|population| self.range(population))
    }

    /// The neurons of a population.
    pub(crate) fn range(&self, population: usize) -> Range<usize> {
        let end = self.names.get(population + 1).map_or(self.neurons.len(), |&(_, first)| first);
        self.names[population].1..end
    }

    /// The population of a neuron.
    pub(crate) fn population_of(&self, neuron: NeuronId) -> usize {
        population_of(&self.names, neuron)
    }

    /// A neuron with its name, for messages.
    #[must_use]
    pub fn named(&self, neuron: NeuronId) -> NamedNeuron {
        named(&self.names, neuron)
    }

    /// The source that stands for `neuron`.
    #[must_use]
    pub fn source_of(&self, neuron: NeuronId) -> usize {
        self.inputs + neuron.index()
    }

    /// The groups of `source`, in the order of their delays.
    ///
    /// # Panics
    /// If there is no such source.
    #[must_use]
    pub fn groups_of(&self, source: usize) -> Range<usize> {
        self.groups.of_source(source)
    }

    /// The group at position `group`.
    ///
    /// # Panics
    /// If there is no such group.
    #[must_use]
    pub fn group(&self, group: usize) -> Group<T> {
        Group {
            delay: self.delay(group),
            synapses: self.synapses(group),
            connection: self.groups.connection(group),
        }
    }

    /// Delay of the group at position `group`, in seconds.
    ///
    /// # Panics
    /// If there is no such group.
    #[must_use]
    #[inline]
    pub fn delay(&self, group: usize) -> T {
        self.groups.delay(group)
    }

    /// Positions of the synapses of the group at position `group` in [`Self::targets`] and [`Self::weights`].
    ///
    /// # Panics
    /// If there is no such group.
    #[must_use]
    #[inline]
    pub fn synapses(&self, group: usize) -> Range<usize> {
        self.groups.synapses(group)
    }

    /// One of the neurons at which the group at position `group` arrives, which are all of one population: the same for all that share their parameters.
    ///
    /// # Panics
    /// If there is no such group.
    #[must_use]
    #[inline]
    pub fn target_model(&self, group: usize) -> &N {
        let target = self.targets[self.synapses(group).start];
        &self.neurons[self.representatives[target.index()] as usize]
    }

    /// At which receptor of its targets the group at position `group` arrives.
    ///
    /// # Panics
    /// If there is no such group.
    #[must_use]
    #[inline]
    pub fn receptor(&self, group: usize) -> usize {
        self.receptors[self.groups.connection(group)]
    }

    /// Whether anything arrives at another receptor than the first.
    #[must_use]
    pub fn has_receptors(&self) -> bool {
        self.receptors.iter().any(|&receptor| receptor > 0)
    }

    /// Whether none of the targets of the group at position `group` is reached by another group of its source with the
    /// same delay. Within a group, synapses with one target are neighbours.
    ///
    /// # Panics
    /// If there is no such group.
    #[must_use]
    #[inline]
    pub fn is_separate(&self, group: usize) -> bool {
        self.groups.is_separate(group)
    }

    /// Number of groups.
    #[must_use]
    pub fn group_count(&self) -> usize {
        self.groups.count()
    }

    /// Writes gradients in the circuit's order, one entry for each synapse and one delay for each group, into `gradient`. What belongs to a
    /// weight or a delay that is shared is summed, in that order.
    ///
    /// # Panics
    /// If a slice has another length.
    pub fn gather(&self, weights: &[T], delays: &[T], gradient: &mut Parameters<T>) {
        assert_eq!((weights.len(), delays.len()), (self.weights.len(), self.group_count()));
        for (into, &order) in gradient.connections.iter_mut().zip(&*self.orders) {
            into.delay.as_mut_slice().fill(T::from(0.0));
            if order == Order::Shared {
                into.weights.fill(T::from(0.0));
            }
        }
        self.groups.for_each_block(|connection, block| {
            let into = &mut gradient.connections[connection].weights;
            let index = |place: usize| self.weight_of[place] as usize;
            match self.orders[connection] {
                Order::Matrix { columns } => {
                    let write = |place: usize, at: usize| into[at] = weights[place];
                    block.for_each_in_matrix(index(block.first()), columns, write);
                }
                Order::BySource => block.rows().for_each(|row| {
                    let at = index(row.start);
                    into[at..at + row.len()].copy_from_slice(&weights[row]);
                }),
                Order::Listed => {
                    block.for_each_synapse(|place| into[index(place)] = weights[place]);
                }
                Order::Shared => {
                    block.for_each_synapse(|place| into[index(place)] += weights[place]);
                }
            }
        });
        for (group, &delay) in delays.iter().enumerate() {
            let first = self.weight_of[self.synapses(group).start] as usize;
            gradient.connections[self.groups.connection(group)].delay.add_at(first, delay);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Population, PopulationParameters, Synapse};

    /// One input; two populations of two; synapses listed backwards, one pair twice.
    fn circuit(delays: [Values<f64>; 2]) -> (Circuit, Parameters) {
        let population = |name: &str| Population { name: name.into(), size: 2, model: Model::Lif };
        let to = |to, posts: &[usize]| {
            let list = posts.iter().map(|&post| Synapse { pre: 0, post }).collect();
            Connection::new(Source::Input, to, Synapses::Sparse(list))
        };
        let connections = vec![to(0, &[1, 0, 1]), to(1, &[1, 0])];
        let network = Network::new(1, vec![population("a"), population("b")], connections).unwrap();
        let [first, second] = delays;
        let parameters = Parameters {
            populations: vec![PopulationParameters::new(Model::Lif); 2],
            connections: vec![
                ConnectionParameters { weights: vec![1.0, 2.0, 3.0], delay: first },
                ConnectionParameters { weights: vec![4.0, 5.0], delay: second },
            ],
        };
        (Circuit::new(&network, &parameters).unwrap(), parameters)
    }

    #[test]
    fn weights_come_and_go_where_delays_of_their_own_stand_beside_shared_ones() {
        let population = |name: &str| Population { name: name.into(), size: 2, model: Model::Lif };
        let to = |to| Connection::new(Source::Input, to, Synapses::Dense);
        let populations = vec![population("a"), population("b")];
        let network = Network::new(2, populations, vec![to(0), to(1)]).unwrap();
        // The two inputs have their targets in opposite orders.
        let own = Values::Each(vec![0.001, 0.004, 0.003, 0.002]);
        let with = |weights: [[f64; 4]; 2]| {
            let [a, b] = weights.map(Vec::from);
            let connections = vec![
                ConnectionParameters { weights: a, delay: own.clone() },
                ConnectionParameters { weights: b, delay: Values::Shared(0.0) },
            ];
            Parameters { populations: vec![PopulationParameters::new(Model::Lif); 2], connections }
        };
        let other = with([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]);
        for order in [network.clone(), network.by_source()] {
            let [zero, other] =
                [with([[0.0; 4]; 2]), other.clone()].map(|p| p.reordered(&network, &order));
            let mut circuit = Circuit::new(&order, &zero).unwrap();
            assert!(circuit.set(&order, &other).unwrap());
            assert_eq!(circuit.weights, Circuit::new(&order, &other).unwrap().weights);
            let mut back = other.zeros_like();
            circuit.gather(&circuit.weights, &vec![0.0; circuit.group_count()], &mut back);
            for (back, other) in back.connections.iter().zip(&other.connections) {
                assert_eq!(back.weights, other.weights);
            }
        }
    }

    #[test]
    fn synapses_are_in_the_order_of_delays_then_targets_and_find_their_way_back() {
        let (circuit, parameters) =
            circuit([Values::Shared(0.002), Values::Each(vec![0.003, 0.001])]);
        assert_eq!(circuit.groups_of(0), 0..3);
        assert_eq!(circuit.weights, [5.0, 2.0, 1.0, 3.0, 4.0]);
        assert_eq!(circuit.targets, [2, 0, 1, 1, 3].map(NeuronId));
        let delays: Vec<f64> = (0..3).map(|group| circuit.group(group).delay).collect();
        assert_eq!(delays, [0.001, 0.002, 0.003]);
        assert_eq!(circuit.group(1).synapses, 1..4);
        let mut back = parameters.zeros_like();
        circuit.gather(&circuit.weights, &delays, &mut back);
        assert_eq!(back.connections, parameters.connections);
    }

    #[test]
    fn groups_are_apart_unless_they_share_a_delay_and_a_target() {
        let apart = |delays| {
            let circuit = circuit(delays).0;
            (0..circuit.group_count()).map(|group| circuit.is_separate(group)).collect::<Vec<_>>()
        };
        // A pair that is listed twice stays in one group, its synapses side by side.
        assert_eq!(apart([Values::Shared(0.001), Values::Shared(0.001)]), [true, true]);
        // Two groups of one synapse each to one target at one time; −0.0 is the delay 0.
        let twice = Values::Each(vec![-0.0, 0.001, 0.0]);
        assert_eq!(apart([twice, Values::Shared(0.002)]), [false, false, true, true]);
    }

    #[test]
    fn neurons_are_alike_where_a_population_shares_its_parameters() {
        let population = |name: &str| Population { name: name.into(), size: 2, model: Model::Lif };
        let network = Network::new(0, vec![population("a"), population("b")], vec![]).unwrap();
        let shared = PopulationParameters::new(Model::Lif);
        let own = shared.clone().with(lif::TAU_MEM, vec![0.02, 0.03]);
        let populations = vec![shared, own];
        let parameters = Parameters { populations, connections: vec![] };
        let circuit = Circuit::new(&network, &parameters).unwrap();
        assert_eq!(circuit.representatives(), [0, 0, 2, 3]);
        assert_eq!(circuit.neurons[0], circuit.neurons[1]);
    }
}
