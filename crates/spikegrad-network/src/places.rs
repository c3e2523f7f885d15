//! Where a number stands in the problem file, for messages.
//!
//! Not here: the numbers themselves (`parameters.rs`).

use crate::{
    Connection, Gradient, Network, Parameters, StepTimes, Steps, Synapse, Synapses, Values,
};
use spikegrad_dynamics::Scalar;

impl Network {
    fn place(&self, connection: usize, index: usize, dense: &str, sparse: &str) -> String {
        let Connection { synapses, shared, .. } = &self.connections()[connection];
        match (synapses, shared) {
            (_, Some(_)) => format!("network.connections[{connection}].{dense}[{index}]"),
            (Synapses::Dense | Synapses::DenseBySource, None) => {
                let Synapse { pre, post } = self.synapse(connection, index);
                format!("network.connections[{connection}].{dense}[{post}][{pre}]")
            }
            (Synapses::Sparse(_), None) => {
                format!("network.connections[{connection}].synapses[{index}].{sparse}")
            }
        }
    }

    /// Where the weight at position `index` of a connection stands in the problem file, for messages.
    ///
    /// # Panics
    /// If there is no such connection.
    #[must_use]
    pub fn weight_place(&self, connection: usize, index: usize) -> String {
        self.place(connection, index, "weights", "weight")
    }

    /// Where the delay that goes with the weight at position `index` stands in the problem file, if each has its own; for messages.
    ///
    /// # Panics
    /// If there is no such connection.
    #[must_use]
    pub fn delay_place(&self, connection: usize, index: usize) -> String {
        self.place(connection, index, "delay", "delay")
    }
}

/// Numbers that are looked at without a branch.
const TOGETHER: usize = 64;

/// The position of the first that is sought, as a rule of none: many are looked at before it is asked whether one was among them.
pub(crate) fn position<T: Copy>(values: &[T], sought: impl Fn(T) -> bool) -> Option<usize> {
    let any = |chunk: &[T]| chunk.iter().fold(false, |any, &x| any | sought(x));
    let (k, chunk) = values.chunks(TOGETHER).enumerate().find(|(_, chunk)| any(chunk))?;
    let within = chunk.iter().position(|&x| sought(x))?;
    Some(k * TOGETHER + within)
}

impl<T: Copy> Parameters<T> {
    /// The first number that is `sought`, in the order of [`Self::to_vec`], with its place.
    ///
    /// # Panics
    /// If these are not parameters of `network`.
    #[must_use]
    pub fn find(&self, network: &Network, sought: impl Fn(T) -> bool) -> Option<(String, T)> {
        let first = |values: &[T]| position(values, &sought).map(|k| (k, values[k]));
        for (k, population) in self.populations.iter().enumerate() {
            for (quantity, values) in population.values() {
                if let Some((index, value)) = first(values.as_slice()) {
                    let index = match values {
                        Values::Shared(_) => String::new(),
                        Values::Each(_) => format!("[{index}]"),
                    };
                    let path = quantity.path;
                    return Some((format!("network.populations[{k}].{path}{index}"), value));
                }
            }
        }
        for (k, connection) in self.connections.iter().enumerate() {
            if let Some((index, value)) = first(&connection.weights) {
                return Some((network.weight_place(k, index), value));
            }
            if let Some((index, value)) = first(connection.delay.as_slice()) {
                let place = match &connection.delay {
                    Values::Shared(_) => format!("network.connections[{k}].delay"),
                    Values::Each(_) => network.delay_place(k, index),
                };
                return Some((place, value));
            }
        }
        None
    }
}

impl<T: Scalar> Steps<T> {
    /// Where the number at position `index` of [`Self::numbers`] stands in a current of the problem file, for messages.
    #[must_use]
    pub fn place(&self, index: usize) -> String {
        let (times, names) = match &self.times {
            StepTimes::Each(times) => (times.len(), None),
            StepTimes::Every { .. } => (2, Some(["start", "interval"])),
        };
        match (index.checked_sub(times), names) {
            (Some(value), _) => format!("values[{value}]"),
            (None, Some(names)) => names[index].into(),
            (None, None) => format!("times[{index}]"),
        }
    }
}

impl<T: Scalar> Gradient<T> {
    /// The first number that is `sought`, with its place: of the parameters, then of the stimulus.
    ///
    /// # Panics
    /// If this is not a gradient of `network`.
    #[must_use]
    pub fn find(&self, network: &Network, sought: impl Fn(T) -> bool) -> Option<(String, T)> {
        if let Some(found) = self.parameters.find(network, &sought) {
            return Some(found);
        }
        if let Some(k) = self.input_times.iter().position(|&x| sought(x)) {
            return Some((format!("stimulus.spikes[{k}][1]"), self.input_times[k]));
        }
        self.currents.iter().enumerate().find_map(|(k, steps)| {
            let (index, value) = steps.numbers().enumerate().find(|&(_, x)| sought(x))?;
            Some((format!("stimulus.currents[{k}].{}", steps.place(index)), value))
        })
    }
}
