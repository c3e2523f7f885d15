//! A network in code, by names: populations, what differs from the defaults of their models, connections.
//!
//! The names are those of the problem file. Not here: what a network may be (`network.rs`), and its values (`parameters.rs`): both are checked when
//! it is built.

use crate::wording::listed;
use crate::{
    Connection, ConnectionParameters, Model, Network, NetworkError, Parameters, Population,
    PopulationParameters, SharedWeights, Source, Synapse, Synapses, Values,
};

/// A network under way.
///
/// What is said of a population or a connection holds for the last one that was named. What cannot be is said by [`Self::build`].
///
/// # Examples
/// ```
/// use spikegrad_network::Network;
/// let (network, parameters) = Network::builder()
///     .inputs(2)
///     .lif("hidden", 3)
///     .with("tau_mem", 0.01)
///     .with("i_bias", vec![0.1, 0.2, 0.3])
///     .li("out", 1)
///     .dense("input", "hidden", vec![5.0, 4.0, 5.0, 4.0, 5.0, 4.0])
///     .delay(0.001)
///     .sparse("hidden", "out", [(0, 0, 2.0), (2, 0, -1.0)])
///     .build()?;
/// assert_eq!(network.synapse_count(0), 6);
/// assert_eq!(parameters.connections[0].delay.get(5), 0.001);
/// # Ok::<(), spikegrad_network::NetworkError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct NetworkBuilder {
    inputs: usize,
    populations: Vec<(Population, PopulationParameters)>,
    connections: Vec<Named>,
    /// The first thing that cannot be.
    error: Option<NetworkError>,
}

/// A connection between populations that may not be there.
#[derive(Clone, Debug)]
struct Named {
    from: String,
    to: String,
    synapses: Synapses,
    shared: Option<SharedWeights>,
    values: ConnectionParameters,
}

impl Network {
    /// A network without anything, to be built by names.
    #[must_use]
    pub fn builder() -> NetworkBuilder {
        NetworkBuilder::default()
    }
}

impl NetworkBuilder {
    /// The number of input channels, which are the source called `input`.
    #[must_use]
    pub fn inputs(self, inputs: usize) -> Self {
        Self { inputs, ..self }
    }

    /// A population of leaky integrate-and-fire neurons.
    #[must_use]
    pub fn lif(self, name: &str, size: usize) -> Self {
        self.population(name, Model::Lif, size)
    }

    /// A population of leaky integrators, which never spike.
    #[must_use]
    pub fn li(self, name: &str, size: usize) -> Self {
        self.population(name, Model::Li, size)
    }

    /// A population of any model.
    #[must_use]
    pub fn population(mut self, name: &str, model: Model, size: usize) -> Self {
        let population = Population { name: name.into(), size, model };
        self.populations.push((population, PopulationParameters::new(model)));
        self
    }

    /// Gives the last population other values of a parameter, such as `tau_mem`, or of its state at time 0, such as `initial.v`: one number for all
    /// neurons, or one for each.
    #[must_use]
    pub fn with(mut self, name: &str, values: impl Into<Values<f64>>) -> Self {
        let k = self.populations.len().saturating_sub(1);
        let place = format!("network.populations[{k}]");
        let Some((population, parameters)) = self.populations.last_mut() else {
            return self.refuse(NetworkError::Builder {
                place,
                expected: "a population before its values",
            });
        };
        let table = population.model.table();
        let path = format!("params.{name}");
        let Some(position) = table.position(&path).or_else(|| table.position(name)) else {
            return self.refuse(NetworkError::Quantity { place, name: name.into(), table });
        };
        parameters[position] = values.into();
        self
    }

    /// A connection of all pairs, with a weight for each, post-major: `weights[post * n_pre + pre]`.
    #[must_use]
    pub fn dense(self, from: &str, to: &str, weights: Vec<f64>) -> Self {
        self.connect(from, to, (Synapses::Dense, None), weights)
    }

    /// A connection of single synapses: (index within the source, index within the target, weight).
    #[must_use]
    pub fn sparse(
        self,
        from: &str,
        to: &str,
        synapses: impl IntoIterator<Item = (usize, usize, f64)>,
    ) -> Self {
        let (synapses, weights) =
            synapses.into_iter().map(|(pre, post, weight)| (Synapse { pre, post }, weight)).unzip();
        self.connect(from, to, (Synapses::Sparse(synapses), None), weights)
    }

    /// A connection of single synapses that share weights: (index within the source, index within the target, index of the weight).
    ///
    /// [`crate::Conv2d`] and [`crate::AvgPool2d`] make such lists.
    #[must_use]
    pub fn shared(
        self,
        from: &str,
        to: &str,
        synapses: impl IntoIterator<Item = (usize, usize, u32)>,
        weights: Vec<f64>,
    ) -> Self {
        let (synapses, weight_of) =
            synapses.into_iter().map(|(pre, post, weight)| (Synapse { pre, post }, weight)).unzip();
        let shared = SharedWeights { count: weights.len(), weight_of };
        self.connect(from, to, (Synapses::Sparse(synapses), Some(shared)), weights)
    }

    fn connect(
        mut self,
        from: &str,
        to: &str,
        (synapses, shared): (Synapses, Option<SharedWeights>),
        weights: Vec<f64>,
    ) -> Self {
        let values = ConnectionParameters { weights, ..ConnectionParameters::default() };
        self.connections.push(Named { from: from.into(), to: to.into(), synapses, shared, values });
        self
    }

    /// Gives the last connection a delay, in seconds: one for all synapses, or one for each weight.
    #[must_use]
    pub fn delay(mut self, delay: impl Into<Values<f64>>) -> Self {
        match self.connections.last_mut() {
            Some(connection) => {
                connection.values.delay = delay.into();
                self
            }
            None => {
                let place = "network.connections[0]".into();
                self.refuse(NetworkError::Builder {
                    place,
                    expected: "a connection before its delay",
                })
            }
        }
    }

    fn refuse(mut self, error: NetworkError) -> Self {
        self.error.get_or_insert(error);
        self
    }

    /// The network and its values, checked.
    ///
    /// # Errors
    /// [`NetworkError`], with the place.
    pub fn build(self) -> Result<(Network, Parameters), NetworkError> {
        let Self { inputs, populations, connections, error } = self;
        if let Some(error) = error {
            return Err(error);
        }
        let position = |name: &str| populations.iter().position(|(of, _)| of.name == name);
        let mut joined = Vec::with_capacity(connections.len());
        for (k, Named { from, to, synapses, shared, .. }) in connections.iter().enumerate() {
            let absent = |end: &str, name: &str| {
                let names = listed(populations.iter().map(|(of, _)| of.name.as_str()));
                NetworkError::Word {
                    place: format!("network.connections[{k}].{end}"),
                    found: name.into(),
                    expected: format!("the name of a population: {names}"),
                }
            };
            let source = match position(from) {
                Some(population) => Source::Population(population),
                None if from == "input" => Source::Input,
                None => return Err(absent("from", from)),
            };
            let target = position(to).ok_or_else(|| absent("to", to))?;
            let (synapses, shared) = (synapses.clone(), shared.clone());
            joined.push(Connection { from: source, to: target, synapses, shared });
        }
        let (populations, values): (Vec<_>, Vec<_>) = populations.into_iter().unzip();
        let network = Network::new(inputs, populations, joined)?;
        let connections = connections.into_iter().map(|connection| connection.values).collect();
        let parameters = Parameters { populations: values, connections };
        parameters.check(&network)?;
        Ok((network, parameters))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spikegrad_dynamics::lif;

    #[test]
    fn a_network_is_what_its_parts_say() {
        let (network, parameters) = Network::builder()
            .inputs(1)
            .lif("a", 2)
            .with("v_th", vec![1.0, 2.0])
            .with("initial.v", 0.5)
            .dense("input", "a", vec![3.0, 4.0])
            .sparse("a", "a", [(0, 1, -1.0)])
            .delay(vec![0.002])
            .build()
            .unwrap();
        let a = Population { name: "a".into(), size: 2, model: Model::Lif };
        let loops = Synapses::Sparse(vec![Synapse { pre: 0, post: 1 }]);
        let connections = vec![
            Connection::new(Source::Input, 0, Synapses::Dense),
            Connection::new(Source::Population(0), 0, loops),
        ];
        assert_eq!(network, Network::new(1, vec![a], connections).unwrap());
        let mut expected = Parameters::new(&network);
        expected.populations[0][lif::V_TH] = vec![1.0, 2.0].into();
        expected.populations[0][lif::V] = 0.5.into();
        expected.connections[0].weights = vec![3.0, 4.0];
        expected.connections[1].weights = vec![-1.0];
        expected.connections[1].delay = vec![0.002].into();
        assert_eq!(parameters, expected);
    }

    #[test]
    fn what_cannot_be_is_named() {
        let refused = |builder: NetworkBuilder, parts: &[&str]| {
            let error = builder.build().unwrap_err().to_string();
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        };
        let out = || Network::builder().inputs(1).li("out", 1);
        refused(out().with("v_th", 2.0), &["network.populations[0]", "v_th", "li", "tau_mem"]);
        refused(Network::builder().with("v_th", 2.0), &["a population before its values"]);
        refused(Network::builder().delay(0.1), &["a connection before its delay"]);
        refused(out().dense("hidden", "out", vec![]), &["connections[0].from", "hidden"]);
        refused(out().dense("input", "out", vec![]), &["weights", "0", "1"]);
        refused(out().with("tau_mem", -1.0), &["params.tau_mem", "-1.0", "positive"]);
    }
}
