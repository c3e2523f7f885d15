//! The problem file as it is written: every struct is a JSON object, every field a key.
//!
//! Unknown and repeated keys are refused. Not here: whether the numbers make sense (`read.rs`).

use schemars::JsonSchema;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
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

/// An object, and not a list of its values in order, which serde would take as well.
pub(super) struct Object<T>(pub(super) T);

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
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
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
pub(super) type Numbers = OneOrMany<Vec<f64>>;

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
    /// What the answer is worth; needed for a gradient.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub loss: Option<LossDocument>,
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
    /// `lif` or `li`.
    pub model: String,
    /// Parameters that differ from their defaults.
    #[serde(default, deserialize_with = "object")]
    pub params: ParamsDocument,
    /// Initial state, if not zero.
    #[serde(default, deserialize_with = "object")]
    pub initial: InitialDocument,
}

/// Neuron parameters: one number, or one for each neuron.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParamsDocument {
    /// Membrane time constant in seconds; default 0.02.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub tau_mem: Option<Numbers>,
    /// Synaptic time constant in seconds; default 0.005.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub tau_syn: Option<Numbers>,
    /// Threshold; default 1. Not for `li`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub v_th: Option<Numbers>,
    /// Reset value; default 0. Not for `li`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub v_reset: Option<Numbers>,
    /// Leak potential; default 0.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub v_leak: Option<Numbers>,
    /// Constant input current; default 0.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub i_bias: Option<Numbers>,
    /// Refractory time in seconds; default 0. Not for `li`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub t_ref: Option<Numbers>,
}

/// State at time 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InitialDocument {
    /// Membrane potential; default 0.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub v: Option<Numbers>,
    /// Synaptic current; default 0.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub i: Option<Numbers>,
}

/// A dense connection (`weights`, `[post][pre]`) or a sparse one (`synapses`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionDocument {
    /// `input` or the name of a population.
    pub from: String,
    /// Name of a population.
    pub to: String,
    /// Weights, `[post][pre]`.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub weights: Option<Vec<Vec<f64>>>,
    /// Delay in seconds: one number, or a matrix in the shape of `weights`; default 0.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub delay: Option<OneOrMany<Vec<Vec<f64>>>>,
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
    /// Weight.
    pub weight: f64,
    /// Delay in seconds; default 0.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub delay: Option<f64>,
}

/// Input spikes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StimulusDocument {
    /// End of the run, in seconds.
    pub t_end: f64,
    /// `[channel, time in seconds]`, in any order.
    pub spikes: Vec<(u64, f64)>,
}

/// A loss, named by its `type`.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum LossDocument {
    /// −log softmax of −t/`tau0` at the label, plus `alpha` (e^(`t_label`/`tau1`) − 1).
    TtfsCrossEntropy {
        /// The population that is read.
        population: String,
        /// The neuron that shall be first.
        label: u64,
        /// Scale of the softmax, in seconds.
        tau0: f64,
        /// Scale of the regulariser, in seconds.
        #[serde(default = "one")]
        tau1: f64,
        /// Weight of the regulariser.
        #[serde(default)]
        alpha: f64,
    },
    /// ½ Σ (t − target)², the n-th spike against the n-th target.
    SpikeTimeMse {
        /// The population that is read.
        population: String,
        /// Target times in seconds, a list for each neuron.
        targets: Vec<Vec<f64>>,
    },
    /// −log softmax of the maxima of V at the label.
    MaxVoltageCrossEntropy {
        /// The population that is read.
        population: String,
        /// The neuron whose maximum shall be the largest.
        label: u64,
    },
    /// −log softmax of the time averages of V at the label.
    MeanVoltageCrossEntropy {
        /// The population that is read.
        population: String,
        /// The neuron whose average shall be the largest.
        label: u64,
    },
    /// ½ Σ (V(time) − target)².
    VoltageMse {
        /// The population that is read.
        population: String,
        /// `[neuron, time in seconds, target]`.
        samples: Vec<(u64, f64, f64)>,
    },
}

fn one() -> f64 {
    1.0
}

/// The names of the losses.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum LossType {
    TtfsCrossEntropy,
    SpikeTimeMse,
    MaxVoltageCrossEntropy,
    MeanVoltageCrossEntropy,
    VoltageMse,
}

/// The keys of all losses: read first, so that a wrong value is found at its own place.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LossKeys {
    r#type: LossType,
    population: String,
    #[serde(default, deserialize_with = "present")]
    label: Option<u64>,
    #[serde(default, deserialize_with = "present")]
    tau0: Option<f64>,
    #[serde(default, deserialize_with = "present")]
    tau1: Option<f64>,
    #[serde(default, deserialize_with = "present")]
    alpha: Option<f64>,
    #[serde(default, deserialize_with = "present")]
    targets: Option<Vec<Vec<f64>>>,
    #[serde(default, deserialize_with = "present")]
    samples: Option<Vec<(u64, f64, f64)>>,
}

impl<'de> Deserialize<'de> for LossDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Object(keys) = Object::deserialize(deserializer)?;
        Self::from_keys(keys).map_err(D::Error::custom)
    }
}

impl LossDocument {
    fn from_keys(keys: LossKeys) -> Result<Self, String> {
        let LossKeys { r#type: kind, population, label, tau0, tau1, alpha, targets, samples } =
            keys;
        let given = [
            ("label", label.is_some()),
            ("tau0", tau0.is_some()),
            ("tau1", tau1.is_some()),
            ("alpha", alpha.is_some()),
            ("targets", targets.is_some()),
            ("samples", samples.is_some()),
        ];
        let only =
            |allowed: &[&str]| match given.iter().find(|(key, is)| *is && !allowed.contains(key)) {
                Some((key, _)) => Err(format!(
                    "unknown field `{key}`, expected one of {allowed:?} for this type of loss"
                )),
                None => Ok(()),
            };
        let missing = |key: &str| format!("missing field `{key}`, which this type of loss needs");
        let label = || label.ok_or_else(|| missing("label"));
        match kind {
            LossType::TtfsCrossEntropy => {
                only(&["label", "tau0", "tau1", "alpha"])?;
                let tau0 = tau0.ok_or_else(|| missing("tau0"))?;
                let (tau1, alpha) = (tau1.unwrap_or_else(one), alpha.unwrap_or(0.0));
                Ok(Self::TtfsCrossEntropy { population, label: label()?, tau0, tau1, alpha })
            }
            LossType::SpikeTimeMse => {
                only(&["targets"])?;
                Ok(Self::SpikeTimeMse {
                    population,
                    targets: targets.ok_or_else(|| missing("targets"))?,
                })
            }
            LossType::MaxVoltageCrossEntropy => {
                only(&["label"])?;
                Ok(Self::MaxVoltageCrossEntropy { population, label: label()? })
            }
            LossType::MeanVoltageCrossEntropy => {
                only(&["label"])?;
                Ok(Self::MeanVoltageCrossEntropy { population, label: label()? })
            }
            LossType::VoltageMse => {
                only(&["samples"])?;
                Ok(Self::VoltageMse {
                    population,
                    samples: samples.ok_or_else(|| missing("samples"))?,
                })
            }
        }
    }
}
