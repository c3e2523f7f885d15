//! The values of a network, and a gradient, which has the same shape.
//!
//! A value is shared by its population (or connection) or given for each neuron (or synapse); the gradient of a shared
//! value is the sum over those who share it. Not here: structure (`network.rs`), the layout for an engine (`circuit.rs`).

use crate::places::position;
use crate::{InjectedCurrent, Model, Network, NetworkError, Population, Steps, Stimulus};
use spikegrad_dynamics::{Below, Quantity, Scalar, Table};
use std::ops::{Index, IndexMut};

/// One number for all, or one for each.
#[derive(Clone, Debug, PartialEq)]
pub enum Values<T> {
    /// Shared by all.
    Shared(T),
    /// One for each, in order.
    Each(Vec<T>),
}

impl<T: Copy> Values<T> {
    /// The value of member `index`.
    ///
    /// # Panics
    /// If there is no such member.
    #[must_use]
    pub fn get(&self, index: usize) -> T {
        match self {
            Self::Shared(value) => *value,
            Self::Each(values) => values[index],
        }
    }

    /// The numbers that stand here: one, or one for each.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::Shared(value) => std::slice::from_ref(value),
            Self::Each(values) => values,
        }
    }

    /// The numbers that stand here, to change them.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        match self {
            Self::Shared(value) => std::slice::from_mut(value),
            Self::Each(values) => values,
        }
    }

    /// The same shape with every number replaced.
    #[must_use]
    pub fn map<U>(&self, f: impl FnMut(T) -> U) -> Values<U> {
        let mut f = f;
        match self {
            Self::Shared(value) => Values::Shared(f(*value)),
            Self::Each(values) => Values::Each(values.iter().map(|&x| f(x)).collect()),
        }
    }
}

impl<T: Scalar> Values<T> {
    /// Adds to the number that member `index` uses: sums over the members of a shared value.
    ///
    /// # Panics
    /// If there is no such member.
    pub fn add_at(&mut self, index: usize, amount: T) {
        match self {
            Self::Shared(value) => *value += amount,
            Self::Each(values) => values[index] += amount,
        }
    }
}

impl<T: From<f64>> From<f64> for Values<T> {
    /// One number for all.
    fn from(value: f64) -> Self {
        Self::Shared(value.into())
    }
}

impl<T> From<Vec<T>> for Values<T> {
    /// One number for each.
    fn from(values: Vec<T>) -> Self {
        Self::Each(values)
    }
}

/// Parameters and initial state of a population, by their positions in the table of its model.
///
/// # Examples
/// ```
/// use spikegrad_dynamics::lif;
/// use spikegrad_network::{Model, PopulationParameters, Values};
/// let values: PopulationParameters = PopulationParameters::new(Model::Lif)
///     .with(lif::TAU_MEM, 0.01)
///     .with(lif::I_BIAS, vec![1.1, 1.2]);
/// assert_eq!(values[lif::TAU_MEM].get(1), 0.01);
/// assert_eq!(values[lif::V_TH], Values::Shared(1.0));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PopulationParameters<T = f64> {
    model: Model,
    values: Vec<Values<T>>,
}

impl<T> Index<usize> for PopulationParameters<T> {
    type Output = Values<T>;
    /// The values of the quantity at a position of the model's table.
    ///
    /// # Panics
    /// If the model has no such position.
    fn index(&self, position: usize) -> &Values<T> {
        &self.values[position]
    }
}

impl<T> IndexMut<usize> for PopulationParameters<T> {
    fn index_mut(&mut self, position: usize) -> &mut Values<T> {
        &mut self.values[position]
    }
}

impl<T: From<f64>> PopulationParameters<T> {
    /// Every number as it is by default.
    #[must_use]
    pub fn new(model: Model) -> Self {
        let values = model.table().quantities.iter().map(|quantity| quantity.default.into());
        Self { model, values: values.collect() }
    }
}

impl<T> PopulationParameters<T> {
    /// With other values of the quantity at a position of the model's table: one number for all neurons, or one for each.
    ///
    /// # Panics
    /// If the model has no such position.
    #[must_use]
    pub fn with(mut self, position: usize, values: impl Into<Values<T>>) -> Self {
        self.values[position] = values.into();
        self
    }

    /// The model whose numbers these are.
    #[must_use]
    pub fn model(&self) -> Model {
        self.model
    }

    /// The values of the quantity at `path`, such as `params.tau_mem`, whatever the model, if it has one.
    #[must_use]
    pub fn named(&self, path: &str) -> Option<&Values<T>> {
        self.model.table().position(path).map(|position| &self.values[position])
    }

    /// All values, each with what the model says of it, in the order of the model's table.
    #[must_use]
    pub fn values(&self) -> impl ExactSizeIterator<Item = (&'static Quantity, &Values<T>)> {
        self.model.table().quantities.iter().zip(&self.values)
    }

    /// All values, to change them, in the order of [`Self::values`].
    pub fn values_mut(
        &mut self,
    ) -> impl ExactSizeIterator<Item = (&'static Quantity, &mut Values<T>)> {
        self.model.table().quantities.iter().zip(&mut self.values)
    }
}

impl<T: Copy> PopulationParameters<T> {
    /// Visits every number, to change it.
    pub fn for_each_mut(&mut self, mut f: impl FnMut(&mut T)) {
        for values in &mut self.values {
            values.as_mut_slice().iter_mut().for_each(&mut f);
        }
    }

    /// The same shape with every number replaced.
    #[must_use]
    pub fn map<U>(&self, mut f: impl FnMut(T) -> U) -> PopulationParameters<U> {
        let values = self.values.iter().map(|values| values.map(&mut f));
        PopulationParameters { model: self.model, values: values.collect() }
    }

    /// The number of neuron `index` at each position of the model's table.
    ///
    /// # Panics
    /// If there is no such neuron or position.
    pub fn of(&self, index: usize) -> impl Fn(usize) -> T {
        move |position| self.values[position].get(index)
    }
}

impl<T: Scalar> PopulationParameters<T> {
    fn check(&self, population: usize, of: &Population) -> Result<(), NetworkError> {
        if self.model != of.model {
            return Err(NetworkError::Model {
                place: format!("network.populations[{population}]"),
                found: self.model.table().model,
                expected: of.model.table().model,
            });
        }
        let place = |path: &str, values: &Values<T>, k: usize| match values {
            Values::Shared(_) => format!("network.populations[{population}].{path}"),
            Values::Each(_) => format!("network.populations[{population}].{path}[{k}]"),
        };
        for (quantity, values) in self.values() {
            if let Values::Each(list) = values
                && list.len() != of.size
            {
                let place = format!("network.populations[{population}].{}", quantity.path);
                let (found, expected) = (list.len(), of.size);
                return Err(NetworkError::Length { place, found, expected, of: "neuron" });
            }
            for (k, x) in values.as_slice().iter().enumerate() {
                let value = x.re();
                if !(x.is_all_finite() && quantity.allows(value)) {
                    let place = place(quantity.path, values, k);
                    return Err(NetworkError::Value { place, value, expected: quantity.rule() });
                }
            }
        }
        self.check_order(of.size, place)
    }

    /// Checks what must be below what, neuron by neuron.
    fn check_order(
        &self,
        size: usize,
        place: impl Fn(&str, &Values<T>, usize) -> String,
    ) -> Result<(), NetworkError> {
        let Table { quantities, order, .. } = self.model.table();
        let is_shared = |position: usize| self[position].as_slice().len() == 1;
        let all_shared = |rule: &Below| {
            let product = rule.plus.is_none_or(|(a, b)| is_shared(a) && is_shared(b));
            is_shared(rule.lower) && is_shared(rule.upper) && product
        };
        // Shared values need to be compared only once.
        let neurons = if order.iter().all(all_shared) { size.min(1) } else { size };
        for k in 0..neurons {
            let number = |position: usize| self[position].get(k).re();
            if let Some(below) = order.iter().find(|below| !below.is_kept(number)) {
                let (lower, value) = (below.lower, number(below.lower));
                let place = place(quantities[lower].path, &self[lower], k);
                return Err(NetworkError::Value { place, value, expected: below.rule });
            }
        }
        Ok(())
    }
}

/// Weights and delays of a connection, in the order of its synapses (dense: post-major), or as many as these share.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionParameters<T = f64> {
    /// What an arrival adds to the current: one weight for each synapse, or those that they share.
    pub weights: Vec<T>,
    /// Delays, in seconds: one for all synapses, or one for each weight.
    pub delay: Values<T>,
}

impl<T: Scalar> Default for ConnectionParameters<T> {
    /// No synapse, no delay.
    fn default() -> Self {
        Self { weights: Vec::new(), delay: Values::Shared(T::from(0.0)) }
    }
}

/// Every value of a network; populations and connections in the network's order.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters<T = f64> {
    /// For each population.
    pub populations: Vec<PopulationParameters<T>>,
    /// For each connection.
    pub connections: Vec<ConnectionParameters<T>>,
}

impl<T: Copy> Parameters<T> {
    /// Parameters of `network` for `other`, which is the same but for the order of dense connections.
    ///
    /// # Panics
    /// If these are not parameters of `network`.
    #[must_use]
    pub fn reordered(&self, network: &Network, other: &Network) -> Self {
        let connection = |(k, values): (usize, &ConnectionParameters<T>)| ConnectionParameters {
            weights: network.reordered(k, &values.weights, other),
            delay: match &values.delay {
                Values::Shared(delay) => Values::Shared(*delay),
                Values::Each(delays) => Values::Each(network.reordered(k, delays, other)),
            },
        };
        let connections = self.connections.iter().enumerate().map(connection).collect();
        Self { populations: self.populations.clone(), connections }
    }

    /// The same shape with every number replaced: `parameters.map(Dual64::from)` lifts to dual numbers.
    #[must_use]
    pub fn map<U>(&self, mut f: impl FnMut(T) -> U) -> Parameters<U> {
        Parameters {
            populations: self.populations.iter().map(|p| p.map(&mut f)).collect(),
            connections: self
                .connections
                .iter()
                .map(|c| ConnectionParameters {
                    weights: c.weights.iter().map(|&w| f(w)).collect(),
                    delay: c.delay.map(&mut f),
                })
                .collect(),
        }
    }

    /// Every number, in a fixed order: for each population its values, then for each connection weights and delays.
    pub fn for_each_mut(&mut self, mut f: impl FnMut(&mut T)) {
        self.populations.iter_mut().for_each(|population| population.for_each_mut(&mut f));
        for connection in &mut self.connections {
            connection.weights.iter_mut().for_each(&mut f);
            connection.delay.as_mut_slice().iter_mut().for_each(&mut f);
        }
    }

    /// Every number, in the order of [`Self::for_each_mut`].
    #[must_use]
    pub fn to_vec(&self) -> Vec<T> {
        let mut all = Vec::new();
        for population in &self.populations {
            for (_, values) in population.values() {
                all.extend_from_slice(values.as_slice());
            }
        }
        for connection in &self.connections {
            all.extend_from_slice(&connection.weights);
            all.extend_from_slice(connection.delay.as_slice());
        }
        all
    }
}

impl<T: Scalar> Parameters<T> {
    /// The parameters of `network` as they are by default: weights and delays are 0.
    #[must_use]
    pub fn new(network: &Network) -> Self {
        let models = network.populations().iter().map(|population| population.model);
        let connection = |k: usize| ConnectionParameters {
            weights: vec![T::from(0.0); network.weight_count(k)],
            delay: 0.0.into(),
        };
        Self {
            populations: models.map(PopulationParameters::new).collect(),
            connections: (0..network.connections().len()).map(connection).collect(),
        }
    }

    /// Zeros in the same shape.
    #[must_use]
    pub fn zeros_like(&self) -> Self {
        self.map(|_| T::from(0.0))
    }

    /// Checks that the values fit `network` and are within their ranges.
    ///
    /// # Errors
    /// [`NetworkError::Length`] or [`NetworkError::Value`], with the place.
    pub fn check(&self, network: &Network) -> Result<(), NetworkError> {
        let same = |place: &dyn Fn() -> String, found: usize, expected: usize, of: &'static str| {
            if found == expected {
                return Ok(());
            }
            Err(NetworkError::Length { place: place(), found, expected, of })
        };
        let (populations, connections) = (network.populations().len(), network.connections().len());
        let place = || "parameters.populations".into();
        same(&place, self.populations.len(), populations, "population")?;
        let place = || "parameters.connections".into();
        same(&place, self.connections.len(), connections, "connection")?;
        for (k, (values, population)) in
            self.populations.iter().zip(network.populations()).enumerate()
        {
            values.check(k, population)?;
        }
        for (k, values) in self.connections.iter().enumerate() {
            let count = network.weight_count(k);
            let is_shared = network.connections()[k].shared.is_some();
            let of = if is_shared { "weight" } else { "synapse" };
            let place = || format!("network.connections[{k}].weights");
            same(&place, values.weights.len(), count, of)?;
            if let Values::Each(delays) = &values.delay {
                let place = || format!("network.connections[{k}].delay");
                same(&place, delays.len(), count, of)?;
            }
            if let Some(index) = position(&values.weights, |w| !w.is_all_finite()) {
                return Err(NetworkError::Value {
                    place: network.weight_place(k, index),
                    value: values.weights[index].re(),
                    expected: "a finite number",
                });
            }
            let delays = values.delay.as_slice();
            if let Some(index) = position(delays, |d| !d.is_all_finite() || d.re() < 0.0) {
                let place = match &values.delay {
                    Values::Shared(_) => format!("network.connections[{k}].delay"),
                    Values::Each(_) => network.delay_place(k, index),
                };
                return Err(NetworkError::Value {
                    place,
                    value: delays[index].re(),
                    expected: "a time in seconds, 0 or more",
                });
            }
        }
        Ok(())
    }
}

/// ∂L/∂(every number of a stimulus).
#[derive(Clone, Debug, PartialEq)]
pub struct StimulusGradient<T = f64> {
    /// For each input spike time, in the order of the stimulus as it was given.
    pub input_times: Vec<T>,
    /// For the numbers of each injected current.
    pub currents: Vec<Steps<T>>,
}

impl<T> Default for StimulusGradient<T> {
    fn default() -> Self {
        Self { input_times: Vec::new(), currents: Vec::new() }
    }
}

/// ∂L/∂(every differentiable number): of the network, and of the stimulus.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradient<T = f64> {
    /// In the shape of the parameters.
    pub parameters: Parameters<T>,
    /// For each input spike time, in the order of the stimulus as it was given.
    pub input_times: Vec<T>,
    /// For the numbers of each injected current.
    pub currents: Vec<Steps<T>>,
}

impl<T: Scalar> Gradient<T> {
    /// Zeros, with respect to these parameters and this stimulus.
    #[must_use]
    pub fn zeros(parameters: &Parameters<T>, stimulus: &Stimulus<T>) -> Self {
        let zero = T::from(0.0);
        let zeros = |current: &InjectedCurrent<T>| current.steps.map(|_| zero);
        Self {
            parameters: parameters.zeros_like(),
            input_times: vec![zero; stimulus.spikes().len()],
            currents: stimulus.injected().iter().map(zeros).collect(),
        }
    }
}

impl<T: Copy> Gradient<T> {
    /// All numbers: those of the parameters in the order of [`Parameters::to_vec`], the input times, and those of the currents.
    #[must_use]
    pub fn to_vec(&self) -> Vec<T> {
        let mut all = self.parameters.to_vec();
        all.extend_from_slice(&self.input_times);
        all.extend(self.currents.iter().flat_map(Steps::numbers));
        all
    }
}
