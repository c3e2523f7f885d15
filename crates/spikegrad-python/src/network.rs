//! Networks: made of arrays, and told apart into them again.
//!
//! All numbers of a network are one array, in the order of `Parameters::to_vec`; the layout says where in it each of them is. Not here: names of values, which are
//! Python's (`python/spikegrad/_network.py`).

use crate::arrays::{floats, indices};
use crate::errors::Failure;
use numpy::PyArray1;
use pyo3::prelude::*;
use spikegrad::dynamics::receptors::Options;
use spikegrad::{AnyLoss, Model, NetworkBuilder, Parameters, Values, network};
use std::sync::Arc;

/// A network, checked, and the values that it was made with.
#[pyclass(frozen, module = "spikegrad._core")]
#[derive(Clone, Debug)]
pub(crate) struct Network {
    pub(crate) network: Arc<network::Network>,
    pub(crate) parameters: Parameters,
}

/// A population as Python states it.
#[derive(FromPyObject)]
struct PopulationSpec<'py> {
    name: String,
    size: usize,
    model: String,
    receptors: Vec<String>,
    reset_current: bool,
    hold_current: bool,
    /// Values by their paths, such as `params.tau_mem`.
    values: Vec<(String, Bound<'py, PyAny>)>,
}

/// A connection as Python states it.
#[derive(FromPyObject)]
struct ConnectionSpec<'py> {
    source: String,
    target: String,
    receptor: Option<String>,
    pre: Option<Bound<'py, PyAny>>,
    post: Option<Bound<'py, PyAny>>,
    weight_of: Option<Bound<'py, PyAny>>,
    weights: Bound<'py, PyAny>,
    delay: Bound<'py, PyAny>,
}

/// One number for all, or one for each.
fn values(argument: &str, value: &Bound<'_, PyAny>) -> PyResult<Values<f64>> {
    let array = floats(argument, value)?;
    Ok(match (array.shape(), array.as_slice()) {
        ([], &[shared]) => Values::Shared(shared),
        (_, all) => Values::Each(all.to_vec()),
    })
}

fn model(k: usize, spec: &PopulationSpec<'_>) -> Result<Model, Failure> {
    let place = format!("network.populations[{k}].model");
    let Some(model) = Model::named(&spec.model) else {
        let names = Model::ALL.map(|model| model.table().model).join(", ");
        return Err(Failure::network(
            place,
            format!("is {:?}; it must be one of {names}", spec.model),
        ));
    };
    let PopulationSpec { reset_current, hold_current, .. } = *spec;
    let with = model.with_options(Options { reset_current, hold_current });
    let refused = || Failure::network(place, "has no reset_current and hold_current".into());
    with.ok_or_else(refused)
}

fn with_population(
    builder: NetworkBuilder,
    k: usize,
    spec: &PopulationSpec<'_>,
) -> PyResult<NetworkBuilder> {
    let mut builder = builder.population(&spec.name, model(k, spec)?, spec.size);
    let place = |path: &str| format!("network.populations[{k}].{path}");
    let (mut receptors, mut others) = (vec![Values::Shared(0.005); spec.receptors.len()], vec![]);
    for (path, value) in &spec.values {
        let values = values(&place(path), value)?;
        let listed = path.strip_prefix("receptors[").and_then(|rest| rest.split(']').next());
        match listed.and_then(|r| r.parse().ok()).and_then(|r: usize| receptors.get_mut(r)) {
            Some(receptor) => *receptor = values,
            None => others.push((path.as_str(), values)),
        }
    }
    if !spec.receptors.is_empty() {
        builder = builder.receptors(spec.receptors.iter().cloned().zip(receptors));
    }
    Ok(others.into_iter().fold(builder, |builder, (path, values)| {
        builder.with(path.strip_prefix("params.").unwrap_or(path), values)
    }))
}

fn with_connection(
    builder: NetworkBuilder,
    k: usize,
    spec: &ConnectionSpec<'_>,
    size: impl Fn(&str) -> usize,
) -> PyResult<NetworkBuilder> {
    let at = |key: &str| format!("network.connections[{k}].{key}");
    let weights = floats(&at("weights"), &spec.weights)?.to_vec();
    let read = |key: &str, of: &Option<Bound<'_, PyAny>>| -> PyResult<Option<Vec<usize>>> {
        of.as_ref().map(|list| indices(&at(key), list)).transpose()
    };
    let pairs = match (read("pre", &spec.pre)?, read("post", &spec.post)?) {
        (Some(pre), Some(post)) => {
            same_length(&at("post"), post.len(), pre.len(), "pre")?;
            Some(pre.into_iter().zip(post).collect::<Vec<_>>())
        }
        _ => None,
    };
    let weight_of = spec.weight_of.as_ref();
    let weight_of: Option<Vec<u32>> =
        weight_of.map(|list| indices(&at("weight_of"), list)).transpose()?;
    let (from, to) = (&spec.source, &spec.target);
    let mut builder = match (pairs, weight_of) {
        (None, None) => builder.dense(from, to, weights),
        (Some(pairs), None) => {
            same_length(&at("weights"), weights.len(), pairs.len(), "pre")?;
            let synapses = pairs.into_iter().zip(weights);
            builder.sparse(from, to, synapses.map(|((pre, post), weight)| (pre, post, weight)))
        }
        (pairs, Some(weight_of)) => {
            let (n_pre, n_post) = (size(from), size(to));
            let all = || (0..n_post).flat_map(|post| (0..n_pre).map(move |pre| (pre, post)));
            let pairs = pairs.unwrap_or_else(|| all().collect());
            same_length(&at("weight_of"), weight_of.len(), pairs.len(), "synapse")?;
            let synapses = pairs.into_iter().zip(weight_of);
            let synapses = synapses.map(|((pre, post), weight)| (pre, post, weight));
            builder.shared(from, to, synapses, weights)
        }
    };
    if let Some(receptor) = &spec.receptor {
        builder = builder.receptor(receptor);
    }
    Ok(builder.delay(values(&at("delay"), &spec.delay)?))
}

fn same_length(place: &str, found: usize, expected: usize, of: &str) -> Result<(), Failure> {
    if found == expected {
        return Ok(());
    }
    let what = format!("has {found} entries; it must have {expected}, one for each {of}");
    Err(Failure::network(place.into(), what))
}

impl Network {
    /// The values with these numbers in place of its own.
    pub(crate) fn with_numbers(&self, numbers: &[f64]) -> Result<Parameters, Failure> {
        let mut parameters = self.parameters.clone();
        let mut all = numbers.iter();
        parameters.for_each_mut(|number| *number = *all.next().unwrap_or(number));
        Ok(parameters)
    }
}

#[pymethods]
impl Network {
    #[new]
    fn new(
        inputs: usize,
        populations: Vec<PopulationSpec<'_>>,
        connections: Vec<ConnectionSpec<'_>>,
    ) -> PyResult<Self> {
        let mut builder = network::Network::builder().inputs(inputs);
        for (k, spec) in populations.iter().enumerate() {
            builder = with_population(builder, k, spec)?;
        }
        let size = |name: &str| match populations.iter().find(|spec| spec.name == name) {
            Some(spec) => spec.size,
            None if name == "input" => inputs,
            None => 0,
        };
        for (k, spec) in connections.iter().enumerate() {
            builder = with_connection(builder, k, spec, size)?;
        }
        let (network, parameters) = builder.build().map_err(Failure::from)?;
        Ok(Self { network: Arc::new(network), parameters })
    }

    /// For each list of numbers: whether it is a connection's, the position of its owner, its name there, how many there are, and whether it
    /// is one number that all share. Their numbers stand one after another.
    fn layout(&self) -> Vec<(bool, usize, String, usize, bool)> {
        let mut all = Vec::new();
        let mut add = |is_connection, owner, name: &str, values: &Values<f64>| {
            let is_shared = matches!(values, Values::Shared(_));
            all.push((is_connection, owner, name.to_owned(), values.as_slice().len(), is_shared));
        };
        for (k, population) in self.parameters.populations.iter().enumerate() {
            for (quantity, values) in population.values() {
                add(false, k, quantity.path, values);
            }
        }
        for (k, connection) in self.parameters.connections.iter().enumerate() {
            add(true, k, "weights", &Values::Each(connection.weights.clone()));
            add(true, k, "delay", &connection.delay);
        }
        all
    }

    /// All its numbers.
    fn numbers<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        PyArray1::from_vec(py, self.parameters.to_vec())
    }
}

/// A loss of the problem file.
#[pyclass(frozen, module = "spikegrad._core")]
#[derive(Debug)]
pub(crate) struct Loss(pub(crate) AnyLoss);

#[pymethods]
impl Loss {
    /// Of the JSON object that states it.
    #[new]
    fn new(text: &str) -> PyResult<Self> {
        let read = serde_json::from_str(text).map(Self);
        let refused = |error: serde_json::Error| {
            Failure::input(
                "loss",
                format!("cannot be read: {}", network::wording::json_reason(&error)),
            )
        };
        Ok(read.map_err(refused)?)
    }
}
