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
    /// For each population the names of its receptors, if it lists them.
    receptors: Vec<Vec<String>>,
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
    /// The name of the receptor at which it arrives, if it was named.
    receptor: Option<String>,
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
        self.receptors.push(Vec::new());
        self
    }

    /// Gives the last population receptors, each with a name and a time constant of its own, in seconds; their order is that of their currents
    /// (`initial.i[0]`, …). Connections then say at which they arrive ([`Self::receptor`]).
    ///
    /// # Examples
    /// ```
    /// use spikegrad_network::Network;
    /// let (network, _) = Network::builder()
    ///     .inputs(2)
    ///     .lif("out", 1)
    ///     .receptors([("ampa", 0.002), ("gaba", 0.008)])
    ///     .dense("input", "out", vec![5.0, 4.0])
    ///     .receptor("ampa")
    ///     .sparse("out", "out", [(0, 0, -1.0)])
    ///     .receptor("gaba")
    ///     .build()?;
    /// assert_eq!(network.connections()[1].receptor, 1);
    /// # Ok::<(), spikegrad_network::NetworkError>(())
    /// ```
    #[must_use]
    pub fn receptors<N: Into<String>, V: Into<Values<f64>>>(
        mut self,
        receptors: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let k = self.populations.len().saturating_sub(1);
        let place = format!("network.populations[{k}]");
        let (names, time_constants): (Vec<String>, Vec<Values<f64>>) =
            receptors.into_iter().map(|(name, tau)| (name.into(), tau.into())).unzip();
        let Some((population, values)) = self.populations.last_mut() else {
            let expected = "a population before its receptors";
            return self.refuse(NetworkError::Builder { place, expected });
        };
        let Some(model) = population.model.with_receptors(names.len()) else {
            let error = NetworkError::receptors(place, population.model, names.len());
            return self.refuse(error);
        };
        let mut with_receptors = PopulationParameters::new(model);
        for (quantity, into) in with_receptors.values_mut() {
            if let Some(said) = values.named(quantity.path) {
                *into = said.clone();
            }
        }
        for (k, tau) in time_constants.into_iter().enumerate() {
            if let Some(position) = model.time_constant_of(k) {
                with_receptors[position] = tau;
            }
        }
        population.model = model;
        *values = with_receptors;
        if let Some(twice) = repeated(&names) {
            let place = format!("{place}.receptors[{twice}].name");
            let name = names[twice].clone();
            return self.refuse(NetworkError::Twice { place, name });
        }
        self.receptors[k] = names;
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
        let (from, to, receptor) = (from.into(), to.into(), None);
        self.connections.push(Named { from, to, synapses, receptor, shared, values });
        self
    }

    /// Lets the last connection arrive at the receptor of this name.
    #[must_use]
    pub fn receptor(mut self, name: &str) -> Self {
        match self.connections.last_mut() {
            Some(connection) => {
                connection.receptor = Some(name.into());
                self
            }
            None => {
                let place = "network.connections[0]".into();
                let expected = "a connection before its receptor";
                self.refuse(NetworkError::Builder { place, expected })
            }
        }
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
        let Self { inputs, populations, receptors, connections, error } = self;
        if let Some(error) = error {
            return Err(error);
        }
        let position = |name: &str| populations.iter().position(|(of, _)| of.name == name);
        let mut joined = Vec::with_capacity(connections.len());
        for (k, Named { from, to, synapses, receptor, shared, .. }) in
            connections.iter().enumerate()
        {
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
            let place = || format!("network.connections[{k}]");
            let receptor = named_receptor(&place, receptor.as_deref(), &receptors[target])?;
            let (synapses, shared) = (synapses.clone(), shared.clone());
            joined.push(Connection { from: source, to: target, synapses, receptor, shared });
        }
        let (populations, values): (Vec<_>, Vec<_>) = populations.into_iter().unzip();
        let network = Network::new(inputs, populations, joined)?;
        let connections = connections.into_iter().map(|connection| connection.values).collect();
        let parameters = Parameters { populations: values, connections };
        parameters.check(&network)?;
        Ok((network, parameters))
    }
}

/// The position of the first name that stands before it, too.
pub(crate) fn repeated<S: PartialEq>(names: &[S]) -> Option<usize> {
    (1..names.len()).find(|&k| names[..k].contains(&names[k]))
}

/// The receptor that a connection at `place` means by a name, of those that its targets list.
pub(crate) fn named_receptor(
    place: &dyn Fn() -> String,
    name: Option<&str>,
    listed: &[String],
) -> Result<usize, NetworkError> {
    let names = || self::listed(listed.iter().map(String::as_str));
    let word = |found: &str, expected: String| NetworkError::Word {
        place: format!("{}.receptor", place()),
        found: found.into(),
        expected,
    };
    match (name, listed) {
        (None, [] | [_]) => Ok(0),
        (None, _) => Err(NetworkError::Receptor { place: place(), names: names() }),
        (Some(name), []) => {
            Err(word(name, "left out: the population that it names lists no receptors".into()))
        }
        (Some(name), _) => listed
            .iter()
            .position(|receptor| receptor == name)
            .ok_or_else(|| word(name, format!("the name of a receptor: {}", names()))),
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
        let two = || out().receptors([("a", 0.002), ("b", 0.004)]);
        let into = |builder: NetworkBuilder| builder.dense("input", "out", vec![1.0]);
        assert!(into(two()).receptor("b").build().is_ok());
        refused(into(two()), &["connections[0]", "receptor", "a", "b"]);
        refused(into(two()).receptor("c"), &["connections[0].receptor", "\"c\"", "a", "b"]);
        refused(into(out()).receptor("a"), &["connections[0].receptor", "lists no receptors"]);
        refused(out().receptors([("a", 0.1), ("a", 0.2)]), &["receptors[1].name", "\"a\""]);
        refused(out().receptors([("a", -0.1), ("b", 0.2)]), &["receptors[0].tau_syn", "-0.1"]);
        refused(out().receptors(Vec::<(String, f64)>::new()), &["0 receptors", "1 to 6"]);
        let qif = Model::named("qif").unwrap();
        let quadratic = Network::builder().population("q", qif, 1);
        refused(quadratic.receptors([("a", 0.1)]), &["populations[0]", "qif", "receptors"]);
    }
}
