//! The problem file as it is written: every struct is a JSON object, every field a key.
//!
//! Unknown and repeated keys are refused. Not here: the losses (`crate::loss`), and whether the numbers make sense (`read.rs`).

use super::currents::CurrentDocument;
use super::quantities::{self, Named};
use crate::loss::AnyLoss;
use schemars::JsonSchema;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use spikegrad_dynamics::Quantity;
use std::fmt;
use std::marker::PhantomData;

/// One number, or a list (of lists) of numbers.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany<L> {
    /// Shared by all.
    One(f64),
    /// One for each.
    Many(L),
}

impl<'de, L: Deserialize<'de>> Deserialize<'de> for OneOrMany<L> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<L>(PhantomData<L>);
        impl<'de, L: Deserialize<'de>> Visitor<'de> for Either<L> {
            type Value = OneOrMany<L>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or a list of numbers")
            }
            fn visit_f64<E: Error>(self, x: f64) -> Result<Self::Value, E> {
                Ok(OneOrMany::One(x))
            }
            #[expect(
                clippy::cast_precision_loss,
                reason = "JSON has no integers; 2^53 + 1 is the number 2^53"
            )]
            fn visit_u64<E: Error>(self, x: u64) -> Result<Self::Value, E> {
                Ok(OneOrMany::One(x as f64))
            }
            #[expect(
                clippy::cast_precision_loss,
                reason = "JSON has no integers; 2^53 + 1 is the number 2^53"
            )]
            fn visit_i64<E: Error>(self, x: i64) -> Result<Self::Value, E> {
                Ok(OneOrMany::One(x as f64))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
                L::deserialize(SeqAccessDeserializer::new(list)).map(OneOrMany::Many)
            }
        }
        deserializer.deserialize_any(Either(PhantomData))
    }
}

/// Numbers of a connection: a matrix with one for each synapse, or a list with one for each weight that synapses share.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Entries {
    /// One for each synapse, `[post][pre]`.
    Rows(Vec<Vec<f64>>),
    /// One for each weight.
    List(Vec<f64>),
}

impl Entries {
    /// All numbers, in their order.
    #[must_use]
    pub fn to_vec(&self) -> Vec<f64> {
        match self {
            Self::Rows(rows) => rows.concat(),
            Self::List(list) => list.clone(),
        }
    }

    /// Visits every number, to change it.
    pub fn for_each_mut(&mut self, f: impl FnMut(&mut f64)) {
        match self {
            Self::Rows(rows) => rows.iter_mut().flatten().for_each(f),
            Self::List(list) => list.iter_mut().for_each(f),
        }
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mixed = || D::Error::custom("rows and single numbers in one list");
        let all: Vec<Numbers> = Vec::deserialize(deserializer)?;
        if let Some(OneOrMany::One(_)) = all.first() {
            let number = |entry| match entry {
                OneOrMany::One(number) => Ok(number),
                OneOrMany::Many(_) => Err(mixed()),
            };
            return all.into_iter().map(number).collect::<Result<_, _>>().map(Self::List);
        }
        let row = |entry| match entry {
            OneOrMany::Many(row) => Ok(row),
            OneOrMany::One(_) => Err(mixed()),
        };
        all.into_iter().map(row).collect::<Result<_, _>>().map(Self::Rows)
    }
}

/// An object, and not a list of its values in order, which serde would take as well.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Keys<T> {
            type Value = Object<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(Keys(PhantomData))
    }
}

fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Object::deserialize(deserializer).map(|Object(value)| value)
}

fn objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let list: Vec<Object<T>> = Vec::deserialize(deserializer)?;
    Ok(list.into_iter().map(|Object(value)| value).collect())
}

/// A key that may be missing, but not null.
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

fn present_objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Vec<T>>, D::Error> {
    objects(deserializer).map(Some)
}

/// Numbers for the neurons of a population.
pub type Numbers = OneOrMany<Vec<f64>>;

/// The whole file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "spikegrad problem, version 1")]
pub struct ProblemDocument {
    /// `spikegrad-problem`.
    pub format: String,
    /// 1.
    pub version: u64,
    /// The network.
    #[serde(deserialize_with = "object")]
    pub network: NetworkDocument,
    /// Its input.
    #[serde(deserialize_with = "object")]
    pub stimulus: StimulusDocument,
    /// The value that is differentiated; needed for a gradient.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub loss: Option<AnyLoss>,
}

/// Populations and connections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NetworkDocument {
    /// Number of input channels, the source named `input`.
    pub inputs: u64,
    /// Populations.
    #[serde(deserialize_with = "objects")]
    pub populations: Vec<PopulationDocument>,
    /// Connections.
    #[serde(deserialize_with = "objects")]
    pub connections: Vec<ConnectionDocument>,
}

/// A population.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PopulationDocument {
    /// Unique name.
    pub name: String,
    /// Number of neurons.
    pub size: u64,
    /// Name of a neuron model, such as `lif`.
    pub model: String,
    /// Parameters that differ from their defaults.
    #[serde(default)]
    #[schemars(schema_with = "quantities::parameters")]
    pub params: Named,
    /// Receptors with a time constant and a current each, in place of `tau_syn`.
    #[serde(
        default,
        deserialize_with = "present_objects",
        skip_serializing_if = "Option::is_none"
    )]
    pub receptors: Option<Vec<ReceptorDocument>>,
    /// The state at time 0, where it differs from its defaults. With two or more receptors `i` is a list with an entry for each.
    #[serde(default)]
    #[schemars(schema_with = "quantities::initial")]
    pub initial: Named,
}

/// A receptor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceptorDocument {
    /// Unique name within its population.
    pub name: String,
    /// Synaptic time constant, in seconds.
    pub tau_syn: Numbers,
}

/// Where the numbers of a quantity stand.
enum Home {
    /// In `params` or `initial`.
    Section,
    /// At this receptor.
    Receptor(usize),
}

impl PopulationDocument {
    /// The numbers given for `quantity`.
    #[must_use]
    pub fn get(&self, quantity: &Quantity) -> Option<&Numbers> {
        match self.home(quantity) {
            Home::Receptor(k) => Some(&self.receptors.as_ref()?.get(k)?.tau_syn),
            Home::Section if quantity.is_initial() => self.initial.get(quantity.name()),
            Home::Section => self.params.get(quantity.name()),
        }
    }

    /// The numbers given for `quantity`, to change them.
    pub fn get_mut(&mut self, quantity: &Quantity) -> Option<&mut Numbers> {
        match self.home(quantity) {
            Home::Receptor(k) => Some(&mut self.receptors.as_mut()?.get_mut(k)?.tau_syn),
            Home::Section => self.section_mut(quantity).get_mut(quantity.name()),
        }
    }

    /// Gives numbers for `quantity`, in place of those that are there. A receptor that is not listed gets the name of its position.
    pub fn set(&mut self, quantity: &Quantity, numbers: Numbers) {
        let Home::Receptor(k) = self.home(quantity) else {
            self.section_mut(quantity).set(quantity.name(), numbers);
            return;
        };
        let list = self.receptors.get_or_insert_default();
        while list.len() <= k {
            list.push(ReceptorDocument { name: list.len().to_string(), tau_syn: numbers.clone() });
        }
        list[k].tau_syn = numbers;
    }

    /// The names of the receptors that are listed.
    #[must_use]
    pub fn receptor_names(&self) -> Vec<String> {
        self.receptors.iter().flatten().map(|receptor| receptor.name.clone()).collect()
    }

    /// Whether `quantity` stands in `params` or `initial`, and not at a receptor.
    pub(super) fn is_in_section(&self, quantity: &Quantity) -> bool {
        matches!(self.home(quantity), Home::Section)
    }

    fn home(&self, quantity: &Quantity) -> Home {
        let listed =
            quantity.path.strip_prefix("receptors[").and_then(|rest| rest.split(']').next());
        match (listed.and_then(|k| k.parse().ok()), &self.receptors) {
            (Some(k), _) => Home::Receptor(k),
            // One receptor is the synapse of a neuron that lists none.
            (None, Some(_)) if quantity.path == "params.tau_syn" => Home::Receptor(0),
            _ => Home::Section,
        }
    }

    fn section_mut(&mut self, quantity: &Quantity) -> &mut Named {
        if quantity.is_initial() { &mut self.initial } else { &mut self.params }
    }
}

/// A dense connection (`weights`, `[post][pre]`) or a sparse one (`synapses`). With `weight_of` its synapses share weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionDocument {
    /// `input` or the name of a population.
    pub from: String,
    /// Name of a population.
    pub to: String,
    /// Name of the receptor at which it arrives, if the population lists receptors; with one it may be left out.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub receptor: Option<String>,
    /// Weights, `[post][pre]`; with `weight_of` a list of those that synapses share.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub weights: Option<Entries>,
    /// Delay in seconds: one number, or as many as `weights` in their shape; default 0.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub delay: Option<OneOrMany<Entries>>,
    /// For each synapse which of `weights` it uses, counted from 0; and which `delay`, if these are as many. Synapses are in the order of `synapses`, or, where all pairs
    /// are joined, of `[post][pre]`, row by row.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub weight_of: Option<Vec<u64>>,
    /// Single synapses.
    #[serde(
        default,
        deserialize_with = "present_objects",
        skip_serializing_if = "Option::is_none"
    )]
    pub synapses: Option<Vec<SynapseDocument>>,
}

/// One synapse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SynapseDocument {
    /// Index within the source.
    pub pre: u64,
    /// Index within the target.
    pub post: u64,
    /// Weight; not if it is one of those that the connection shares.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// Delay in seconds; default 0. Not if the synapses share weights.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub delay: Option<f64>,
}

/// Input spikes and injected currents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StimulusDocument {
    /// End of the run, in seconds.
    pub t_end: f64,
    /// `[channel, time in seconds]`, in any order.
    pub spikes: Vec<(u64, f64)>,
    /// Injected currents.
    #[serde(
        default,
        deserialize_with = "present_objects",
        skip_serializing_if = "Option::is_none"
    )]
    pub currents: Option<Vec<CurrentDocument>>,
}
