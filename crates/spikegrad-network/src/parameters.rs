//! The values of a network, and a gradient, which has the same shape.
//!
//! A value is shared by its population (or connection) or given for each neuron (or synapse); the gradient of a shared
//! value is the sum over those who share it. Not here: structure (`network.rs`), the layout for an engine (`circuit.rs`).

use crate::{Model, Network, NetworkError};
use spikegrad_dynamics::{LifGradient, LifParameters, Scalar};

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

/// Parameters and initial state of a population; units as in [`LifParameters`].
///
/// A leaky integrator does not use threshold, reset and refractory time, whose gradients are zero.
#[derive(Clone, Debug, PartialEq)]
pub struct PopulationParameters<T = f64> {
    /// Membrane time constant, in seconds.
    pub tau_mem: Values<T>,
    /// Synaptic time constant, in seconds.
    pub tau_syn: Values<T>,
    /// Threshold.
    pub v_th: Values<T>,
    /// Reset value.
    pub v_reset: Values<T>,
    /// Leak potential.
    pub v_leak: Values<T>,
    /// Constant input current.
    pub i_bias: Values<T>,
    /// Refractory time, in seconds.
    pub t_ref: Values<T>,
    /// Membrane potential at time 0.
    pub initial_v: Values<T>,
    /// Synaptic current at time 0.
    pub initial_i: Values<T>,
}

impl<T: Scalar> Default for PopulationParameters<T> {
    /// The defaults of the problem file: `tau_mem` 20 ms, `tau_syn` 5 ms, threshold 1, all else 0.
    fn default() -> Self {
        let shared = |x: f64| Values::Shared(T::from(x));
        Self {
            tau_mem: shared(0.02),
            tau_syn: shared(0.005),
            v_th: shared(1.0),
            v_reset: shared(0.0),
            v_leak: shared(0.0),
            i_bias: shared(0.0),
            t_ref: shared(0.0),
            initial_v: shared(0.0),
            initial_i: shared(0.0),
        }
    }
}

/// Names of the nine values, as in the problem file and in the order of [`PopulationParameters::values`].
const NAMES: [&str; 9] = [
    "params.tau_mem",
    "params.tau_syn",
    "params.v_th",
    "params.v_reset",
    "params.v_leak",
    "params.i_bias",
    "params.t_ref",
    "initial.v",
    "initial.i",
];

impl<T: Copy> PopulationParameters<T> {
    /// All values with their names in the problem file, in a fixed order.
    #[must_use]
    pub fn values(&self) -> [(&'static str, &Values<T>); 9] {
        let Self { tau_mem, tau_syn, v_th, v_reset, v_leak, i_bias, t_ref, initial_v, initial_i } =
            self;
        let values = [tau_mem, tau_syn, v_th, v_reset, v_leak, i_bias, t_ref, initial_v, initial_i];
        std::array::from_fn(|k| (NAMES[k], values[k]))
    }

    /// All values with their names in the problem file, to change them, in the order of [`Self::values`].
    pub fn values_mut(&mut self) -> [(&'static str, &mut Values<T>); 9] {
        let Self { tau_mem, tau_syn, v_th, v_reset, v_leak, i_bias, t_ref, initial_v, initial_i } =
            self;
        let values = [tau_mem, tau_syn, v_th, v_reset, v_leak, i_bias, t_ref, initial_v, initial_i];
        let mut names = NAMES.into_iter();
        values.map(|v| (names.next().unwrap_or_default(), v))
    }

    /// Visits every number, to change it.
    pub fn for_each_mut(&mut self, mut f: impl FnMut(&mut T)) {
        for (_, values) in self.values_mut() {
            values.as_mut_slice().iter_mut().for_each(&mut f);
        }
    }

    /// The same shape with every number replaced.
    #[must_use]
    pub fn map<U>(&self, mut f: impl FnMut(T) -> U) -> PopulationParameters<U> {
        PopulationParameters {
            tau_mem: self.tau_mem.map(&mut f),
            tau_syn: self.tau_syn.map(&mut f),
            v_th: self.v_th.map(&mut f),
            v_reset: self.v_reset.map(&mut f),
            v_leak: self.v_leak.map(&mut f),
            i_bias: self.i_bias.map(&mut f),
            t_ref: self.t_ref.map(&mut f),
            initial_v: self.initial_v.map(&mut f),
            initial_i: self.initial_i.map(&mut f),
        }
    }

    /// The parameters of neuron `index`.
    ///
    /// # Panics
    /// If there is no such neuron.
    #[must_use]
    pub fn of(&self, index: usize) -> LifParameters<T> {
        LifParameters {
            tau_mem: self.tau_mem.get(index),
            tau_syn: self.tau_syn.get(index),
            v_th: self.v_th.get(index),
            v_reset: self.v_reset.get(index),
            v_leak: self.v_leak.get(index),
            i_bias: self.i_bias.get(index),
            t_ref: self.t_ref.get(index),
        }
    }
}

impl<T: Scalar> PopulationParameters<T> {
    /// Adds the gradient of neuron `index`.
    ///
    /// # Panics
    /// If there is no such neuron.
    pub fn add_at(&mut self, index: usize, gradient: &LifGradient<T>) {
        let p = &gradient.parameters;
        self.tau_mem.add_at(index, p.tau_mem);
        self.tau_syn.add_at(index, p.tau_syn);
        self.v_th.add_at(index, p.v_th);
        self.v_reset.add_at(index, p.v_reset);
        self.v_leak.add_at(index, p.v_leak);
        self.i_bias.add_at(index, p.i_bias);
        self.t_ref.add_at(index, p.t_ref);
        self.initial_v.add_at(index, gradient.initial_v);
        self.initial_i.add_at(index, gradient.initial_i);
    }

    fn check(&self, population: usize, size: usize, model: Model) -> Result<(), NetworkError> {
        let place = |name: &str, values: &Values<T>, k: usize| match values {
            Values::Shared(_) => format!("network.populations[{population}].{name}"),
            Values::Each(_) => format!("network.populations[{population}].{name}[{k}]"),
        };
        for (name, values) in self.values() {
            if let Values::Each(list) = values
                && list.len() != size
            {
                let place = format!("network.populations[{population}].{name}");
                return Err(NetworkError::Length {
                    place,
                    found: list.len(),
                    expected: size,
                    of: "neuron",
                });
            }
            let positive = name.starts_with("params.tau");
            let not_negative = name == "params.t_ref";
            let expected = match (positive, not_negative) {
                (true, _) => "a positive time in seconds",
                (_, true) => "a time in seconds, 0 or more",
                _ => "a finite number",
            };
            for (k, x) in values.as_slice().iter().enumerate() {
                let value = x.re();
                let wrong =
                    !x.is_all_finite() || positive && value <= 0.0 || not_negative && value < 0.0;
                if wrong {
                    return Err(NetworkError::Value {
                        place: place(name, values, k),
                        value,
                        expected,
                    });
                }
            }
        }
        if model == Model::Li {
            return Ok(());
        }
        // Shared values need to be compared only once.
        let shared = [&self.v_th, &self.v_reset, &self.initial_v]
            .iter()
            .all(|v| matches!(v, Values::Shared(_)));
        for k in 0..if shared { size.min(1) } else { size } {
            let threshold = self.v_th.get(k).re();
            for (name, values) in
                [("params.v_reset", &self.v_reset), ("initial.v", &self.initial_v)]
            {
                let value = values.get(k).re();
                if value >= threshold {
                    let place = place(name, values, k);
                    return Err(NetworkError::Value {
                        place,
                        value,
                        expected: "below the threshold v_th",
                    });
                }
            }
        }
        Ok(())
    }
}

/// Weights and delays of a connection, in the order of its synapses (dense: post-major).
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionParameters<T = f64> {
    /// One weight for each synapse: what an arrival adds to the current.
    pub weights: Vec<T>,
    /// Delays, in seconds.
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
            values.check(k, population.size, population.model)?;
        }
        for (k, values) in self.connections.iter().enumerate() {
            let count = network.synapse_count(k);
            let place = || format!("network.connections[{k}].weights");
            same(&place, values.weights.len(), count, "synapse")?;
            if let Values::Each(delays) = &values.delay {
                let place = || format!("network.connections[{k}].delay");
                same(&place, delays.len(), count, "synapse")?;
            }
            for (s, w) in values.weights.iter().enumerate() {
                if !w.is_all_finite() {
                    let place = network.weight_place(k, s);
                    return Err(NetworkError::Value {
                        place,
                        value: w.re(),
                        expected: "a finite number",
                    });
                }
            }
            for (s, d) in values.delay.as_slice().iter().enumerate() {
                if !d.is_all_finite() || d.re() < 0.0 {
                    let place = match &values.delay {
                        Values::Shared(_) => format!("network.connections[{k}].delay"),
                        Values::Each(_) => network.delay_place(k, s),
                    };
                    return Err(NetworkError::Value {
                        place,
                        value: d.re(),
                        expected: "a time in seconds, 0 or more",
                    });
                }
            }
        }
        Ok(())
    }
}

/// ∂L/∂(every differentiable number): of the network, and of the stimulus.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradient<T = f64> {
    /// In the shape of the parameters.
    pub parameters: Parameters<T>,
    /// For each input spike time, in the order of the stimulus as it was given.
    pub input_times: Vec<T>,
}
