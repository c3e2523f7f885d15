//! From a document to a checked [`Problem`]. Sizes are limited before memory is taken for them.
//!
//! Not here: the words of the format (`document.rs`), ranges of numbers (`Parameters::check`,
//! `Stimulus::new`).

use super::currents;
use super::document::{
    ConnectionDocument, Entries, Object, OneOrMany, PopulationDocument, ProblemDocument,
    SynapseDocument,
};
use super::error::ProblemError;
use super::quantities::{Named, OPTIONS};
use crate::builder::{named_receptor, repeated};
use crate::loss::Loss;
use crate::wording::listed;
use crate::{
    Connection, ConnectionParameters, InputSpike, MAX_SYNAPSES, Model, Network, NetworkError,
    Parameters, Population, PopulationParameters, SharedWeights, Source, Stimulus, Synapse,
    Synapses, Values,
};
use spikegrad_dynamics::receptors::Options;

/// The largest file that is read: 256 MiB.
pub const MAX_FILE_BYTES: u64 = 256 << 20;

/// A network with its values, its input and its loss, checked.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Structure.
    pub network: Network,
    /// Values.
    pub parameters: Parameters,
    /// Input.
    pub stimulus: Stimulus,
    /// The file as it was written: which numbers stand in it, and the loss.
    pub document: ProblemDocument,
}

/// Returns the JSON Schema of the problem file.
#[must_use]
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(ProblemDocument).to_value()
}

impl Problem {
    /// Reads and checks a problem file.
    ///
    /// # Errors
    /// [`ProblemError`], with the place and what may stand there.
    pub fn from_json(text: &[u8]) -> Result<Self, ProblemError> {
        if text.len() as u64 > MAX_FILE_BYTES {
            return Err(ProblemError::TooLarge { limit: MAX_FILE_BYTES });
        }
        let json = |place: String, source| ProblemError::Json { place, source };
        let mut reader = serde_json::Deserializer::from_slice(text);
        let Object(document) =
            serde_path_to_error::deserialize::<_, Object<ProblemDocument>>(&mut reader)
                .map_err(|e| json(e.path().to_string(), e.into_inner()))?;
        reader.end().map_err(|e| json(String::new(), e))?;
        Self::from_document(document)
    }

    /// Checks a document.
    ///
    /// # Errors
    /// [`ProblemError`], with the place and what may stand there.
    pub fn from_document(mut document: ProblemDocument) -> Result<Self, ProblemError> {
        if document.format != "spikegrad-problem" {
            return Err(word("format", &document.format, "\"spikegrad-problem\""));
        }
        if document.version != 1 {
            return Err(word("version", document.version, "1"));
        }
        for population in &mut document.network.populations {
            if population.receptors.as_ref().is_some_and(|list| list.len() > 1) {
                population.initial.list_receptors();
            }
        }
        let network = network(&document)?;
        let parameters = parameters(&document, &network)?;
        parameters.check(&network).map_err(|error| at_its_receptor(error, &document))?;
        let stimulus = stimulus(&document, &network)?;
        if let Some(loss) = &document.loss {
            Loss::<f64>::check(loss, &network).map_err(|error| error.below("loss"))?;
            loss.check_end("loss", stimulus.t_end())?;
        }
        Ok(Self { network, parameters, stimulus, document })
    }
}

/// The time constant of a single receptor that is listed does not stand in `params`.
fn at_its_receptor(mut error: NetworkError, document: &ProblemDocument) -> NetworkError {
    if let NetworkError::Value { place, .. } = &mut error {
        for (k, population) in document.network.populations.iter().enumerate() {
            let within = format!("network.populations[{k}].params.tau_syn");
            if population.receptors.is_some()
                && let Some(rest) = place.strip_prefix(&within)
            {
                *place = format!("network.populations[{k}].receptors[0].tau_syn{rest}");
                break;
            }
        }
    }
    error
}

pub(super) fn word(
    place: impl Into<String>,
    found: impl ToString,
    expected: impl Into<String>,
) -> ProblemError {
    let (place, found, expected) = (place.into(), found.to_string(), expected.into());
    NetworkError::Word { place, found, expected }.into()
}

/// A size as an index type; what does not fit is far over every limit.
fn size(place: &dyn Fn() -> String, value: u64) -> Result<usize, ProblemError> {
    usize::try_from(value).map_err(|_| {
        NetworkError::TooLarge { place: place(), count: value, limit: crate::MAX_NEURONS }.into()
    })
}

pub(super) fn index(
    place: impl Into<String>,
    value: u64,
    count: usize,
    of: &'static str,
) -> Result<usize, ProblemError> {
    let index = usize::try_from(value).unwrap_or(usize::MAX);
    if index < count {
        Ok(index)
    } else {
        Err(NetworkError::Index { place: place.into(), index, count, of }.into())
    }
}

pub(super) fn length(
    place: String,
    found: usize,
    expected: usize,
    of: &'static str,
) -> Result<(), ProblemError> {
    if found == expected {
        Ok(())
    } else {
        Err(NetworkError::Length { place, found, expected, of }.into())
    }
}

fn network(document: &ProblemDocument) -> Result<Network, ProblemError> {
    let of = &document.network;
    let mut populations = Vec::new();
    for (k, population) in of.populations.iter().enumerate() {
        let place = format!("network.populations[{k}]");
        let model = model(&place, population)?;
        let size = size(&|| format!("{place}.size"), population.size)?;
        populations.push(Population { name: population.name.clone(), size, model });
    }
    let inputs = size(&|| "network.inputs".into(), of.inputs)?;
    // Sizes are checked before anything is built from them.
    let bare = Network::new(inputs, populations.clone(), Vec::new())?;
    let mut connections = Vec::new();
    for (k, connection) in of.connections.iter().enumerate() {
        let place = format!("network.connections[{k}]");
        let joined = structure(&place, connection, &bare)?;
        let names = of.populations[joined.to].receptor_names();
        let name = connection.receptor.as_deref();
        let receptor = named_receptor(&|| place.clone(), name, &names)?;
        connections.push(joined.at_receptor(receptor));
    }
    Ok(Network::new(inputs, populations, connections)?)
}

fn model(place: &str, population: &PopulationDocument) -> Result<Model, ProblemError> {
    let Some(model) = Model::named(&population.model) else {
        let names: Vec<_> = Model::ALL.map(|model| format!("\"{}\"", model.table().model)).into();
        let expected = names.join(" or ");
        return Err(word(format!("{place}.model"), &population.model, expected));
    };
    let model = with_options(place, with_receptors(place, model, population)?, population)?;
    let table = model.table();
    for (section, numbers, initial) in
        [("params", &population.params, false), ("initial", &population.initial, true)]
    {
        let is_foreign = |name: &&str| table.position(&format!("{section}.{name}")).is_none();
        if let Some(key) = numbers.names().find(is_foreign) {
            return Err(ProblemError::Parameter {
                place: format!("{place}.{section}"),
                key: key.into(),
                expected: format!("model {} has {}", table.model, table.names(initial)),
            });
        }
    }
    Ok(model)
}

/// The model with the options of a population.
fn with_options(
    place: &str,
    model: Model,
    population: &PopulationDocument,
) -> Result<Model, ProblemError> {
    let table = model.table();
    let refused = |section: &str, key: &str| ProblemError::Parameter {
        place: format!("{place}.{section}"),
        key: key.into(),
        expected: format!("model {} has {}", table.model, table.names(section == "initial")),
    };
    let given = |named: &Named| OPTIONS.into_iter().find(|name| named.option(name).is_some());
    if let Some(key) = given(&population.initial) {
        return Err(refused("initial", key));
    }
    let Some(key) = given(&population.params) else { return Ok(model) };
    if model.with_options(Options { reset_current: true, hold_current: true }).is_none() {
        return Err(refused("params", key));
    }
    let [reset_current, hold_current] =
        OPTIONS.map(|name| population.params.option(name).unwrap_or(false));
    Ok(model.with_options(Options { reset_current, hold_current }).unwrap_or(model))
}

/// The model with the receptors that a population lists.
fn with_receptors(
    place: &str,
    model: Model,
    population: &PopulationDocument,
) -> Result<Model, ProblemError> {
    let Some(list) = &population.receptors else { return Ok(model) };
    let refused = || NetworkError::receptors(place.into(), model, list.len());
    let model = model.with_receptors(list.len()).ok_or_else(refused)?;
    let names = population.receptor_names();
    if let Some(twice) = repeated(&names) {
        let name = names[twice].clone();
        return Err(NetworkError::Twice {
            place: format!("{place}.receptors[{twice}].name"),
            name,
        }
        .into());
    }
    if population.params.get("tau_syn").is_some() {
        return Err(keys(place, "a tau_syn at each of its receptors, and none in params"));
    }
    let listed = population.initial.listed();
    if list.len() > 1 && population.initial.get("i").is_some() {
        return Err(keys(format!("{place}.initial.i"), "an entry for each receptor, in a list"));
    }
    if listed > 0 {
        length(format!("{place}.initial.i"), listed, list.len(), "receptor")?;
    }
    Ok(model)
}

fn names(network: &Network) -> String {
    listed(network.populations().iter().map(|population| population.name.as_str()))
}

fn structure(
    place: &str,
    connection: &ConnectionDocument,
    network: &Network,
) -> Result<Connection, ProblemError> {
    let from = match network.population(&connection.from) {
        _ if connection.from == "input" => Source::Input,
        Some(k) => Source::Population(k),
        None => {
            let expected = format!("\"input\" or the name of a population: {}", names(network));
            return Err(word(format!("{place}.from"), &connection.from, expected));
        }
    };
    let Some(to) = network.population(&connection.to) else {
        let expected = format!("the name of a population: {}", names(network));
        return Err(word(format!("{place}.to"), &connection.to, expected));
    };
    let n_pre = match from {
        Source::Input => network.inputs(),
        Source::Population(k) => network.populations()[k].size,
    };
    let n_post = network.populations()[to].size;
    let shared = shared(place, connection)?;
    let synapses = match &connection.synapses {
        Some(list) => {
            let at = |s: usize, key: &str| format!("{place}.synapses[{s}].{key}");
            let pair = |(s, synapse): (usize, &SynapseDocument)| {
                Ok(Synapse {
                    pre: index(at(s, "pre"), synapse.pre, n_pre, "sources")?,
                    post: index(at(s, "post"), synapse.post, n_post, "targets")?,
                })
            };
            let pairs = list.iter().enumerate().map(pair);
            Synapses::Sparse(pairs.collect::<Result<_, ProblemError>>()?)
        }
        None => Synapses::Dense,
    };
    if shared.is_none() {
        check_own(place, connection, n_pre, n_post)?;
    }
    Ok(Connection { from, to, synapses, receptor: 0, shared })
}

pub(super) fn keys(place: impl Into<String>, expected: &'static str) -> ProblemError {
    NetworkError::Keys { place: place.into(), expected }.into()
}

/// Checks that the numbers of a connection whose synapses have a weight each stand where they belong.
fn check_own(
    place: &str,
    connection: &ConnectionDocument,
    n_pre: usize,
    n_post: usize,
) -> Result<(), ProblemError> {
    let matrix = |key: &str, entries: &Entries| match entries {
        Entries::Rows(rows) => matrix_shape(&format!("{place}.{key}"), rows, n_pre, n_post),
        Entries::List(_) => Err(keys(
            format!("{place}.{key}"),
            "a row of numbers for each target, or its connection a weight_of",
        )),
    };
    match (&connection.weights, &connection.synapses) {
        (Some(weights), None) => {
            matrix("weights", weights)?;
            match &connection.delay {
                Some(OneOrMany::Many(delays)) => matrix("delay", delays),
                _ => Ok(()),
            }
        }
        (None, Some(_)) if connection.delay.is_some() => {
            Err(keys(place, "its delays in the synapses, not a delay of its own"))
        }
        (None, Some(list)) => match list.iter().position(|synapse| synapse.weight.is_none()) {
            Some(s) => Err(keys(format!("{place}.synapses[{s}]"), "a weight")),
            None => Ok(()),
        },
        _ => Err(keys(place, "either weights or synapses")),
    }
}

/// The weights that synapses share, if they do.
fn shared(
    place: &str,
    connection: &ConnectionDocument,
) -> Result<Option<SharedWeights>, ProblemError> {
    let Some(weight_of) = &connection.weight_of else { return Ok(None) };
    let list = |key: &str, entries: &Entries| match entries {
        Entries::List(list) => Ok(list.len()),
        Entries::Rows(rows) if rows.is_empty() => Ok(0),
        Entries::Rows(_) => {
            Err(keys(format!("{place}.{key}"), "numbers and no rows, beside weight_of"))
        }
    };
    let Some(weights) = &connection.weights else {
        return Err(keys(place, "weights, of which weight_of names one for each synapse"));
    };
    let count = list("weights", weights)?;
    if let Some(OneOrMany::Many(delays)) = &connection.delay {
        length(format!("{place}.delay"), list("delay", delays)?, count, "weight")?;
    }
    let has_own = |synapse: &SynapseDocument| synapse.weight.is_some() || synapse.delay.is_some();
    if let Some(s) = connection.synapses.iter().flatten().position(has_own) {
        let expected = "neither weight nor delay, which are those of its connection";
        return Err(keys(format!("{place}.synapses[{s}]"), expected));
    }
    let weight = |(s, &weight): (usize, &u64)| {
        let weight = index(format!("{place}.weight_of[{s}]"), weight, count, "weights")?;
        u32::try_from(weight).map_err(|_| {
            let place = format!("{place}.weights");
            NetworkError::TooManySynapses { place, count: count as u64, limit: MAX_SYNAPSES }.into()
        })
    };
    let weight_of =
        weight_of.iter().enumerate().map(weight).collect::<Result<_, ProblemError>>()?;
    Ok(Some(SharedWeights { count, weight_of }))
}

fn matrix_shape(
    place: &str,
    rows: &[Vec<f64>],
    n_pre: usize,
    n_post: usize,
) -> Result<(), ProblemError> {
    length(place.into(), rows.len(), n_post, "target")?;
    rows.iter()
        .enumerate()
        .try_for_each(|(k, row)| length(format!("{place}[{k}]"), row.len(), n_pre, "source"))
}

fn parameters(document: &ProblemDocument, network: &Network) -> Result<Parameters, ProblemError> {
    let mut populations = Vec::new();
    for (k, population) in document.network.populations.iter().enumerate() {
        populations.push(population_parameters(k, population, &network.populations()[k])?);
    }
    let connections = document.network.connections.iter().map(|connection| {
        let delay = match &connection.delay {
            None => Values::Shared(0.0),
            Some(OneOrMany::One(d)) => Values::Shared(*d),
            Some(OneOrMany::Many(delays)) => Values::Each(delays.to_vec()),
        };
        match (&connection.weights, &connection.synapses) {
            (None, Some(list)) => ConnectionParameters {
                weights: list.iter().filter_map(|s| s.weight).collect(),
                delay: Values::Each(list.iter().map(|s| s.delay.unwrap_or(0.0)).collect()),
            },
            (weights, _) => ConnectionParameters {
                weights: weights.as_ref().map(Entries::to_vec).unwrap_or_default(),
                delay,
            },
        }
    });
    Ok(Parameters { populations, connections: connections.collect() })
}

fn population_parameters(
    k: usize,
    document: &PopulationDocument,
    population: &Population,
) -> Result<PopulationParameters, ProblemError> {
    let mut values = PopulationParameters::new(population.model);
    for (quantity, into) in values.values_mut() {
        *into = match document.get(quantity) {
            None => continue,
            Some(OneOrMany::One(x)) => Values::Shared(*x),
            Some(OneOrMany::Many(list)) => {
                let place = format!("network.populations[{k}].{}", quantity.path);
                length(place, list.len(), population.size, "neuron")?;
                Values::Each(list.clone())
            }
        };
    }
    Ok(values)
}

fn stimulus(document: &ProblemDocument, network: &Network) -> Result<Stimulus, ProblemError> {
    let of = &document.stimulus;
    let mut spikes = Vec::with_capacity(of.spikes.len());
    for (k, &(channel, time)) in of.spikes.iter().enumerate() {
        let channel =
            index(format!("stimulus.spikes[{k}][0]"), channel, network.inputs(), "input channels")?;
        spikes.push(InputSpike { channel, time });
    }
    let listed = of.currents.iter().flatten().enumerate();
    let current =
        |(k, current)| currents::read(&format!("stimulus.currents[{k}]"), current, network);
    let currents = listed.map(current).collect::<Result<_, _>>()?;
    let stimulus = Stimulus::new(of.t_end, spikes)?.with_currents(currents)?;
    network.check_currents(&stimulus)?;
    Ok(stimulus)
}
