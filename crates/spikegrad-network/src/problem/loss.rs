//! The loss of a problem file: its words, and whether its numbers make sense.
//!
//! A loss is an object whose `type` says which other keys it has. They are read before it is known which loss it is, so that a
//! wrong value is found at its own place; then those of another type are refused. Not here: what a loss computes
//! (`spikegrad_adjoint`).

use super::document::{Object, present};
use super::error::ProblemError;
use super::read::{index, length, word};
use crate::{Network, NetworkError, Population};
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

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
    /// ½ Σ (t − `t_label` − `margin`)² over the first spikes of all neurons but that of the label.
    RelativeSpikeTime {
        /// The population that is read.
        population: String,
        /// The neuron that shall be first.
        label: u64,
        /// How much later each other neuron shall spike, in seconds.
        margin: f64,
    },
    /// ½ Σ (t − target)², the n-th spike against the n-th target.
    SpikeTimeMse {
        /// The population that is read.
        population: String,
        /// Target times in seconds, a list for each neuron.
        targets: Vec<Vec<f64>>,
    },
    /// Σ (1/`tau`) ∫ (f − g)² dt, f being a neuron's spikes and g its targets, each followed by e^(−t/`tau`).
    VanRossum {
        /// The population that is read.
        population: String,
        /// Target times in seconds, a list for each neuron.
        targets: Vec<Vec<f64>>,
        /// Time constant of the filter, in seconds.
        tau: f64,
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
    /// −log softmax of the time averages of e^(−t/`tau`) V, divided by `scale`, at the label.
    ShapedVoltageCrossEntropy {
        /// The population that is read.
        population: String,
        /// The neuron whose average shall be the largest.
        label: u64,
        /// How fast the weight fades, in seconds.
        tau: f64,
        /// Distance of two averages that counts as decided.
        #[serde(default = "one")]
        scale: f64,
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
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LossType {
    TtfsCrossEntropy,
    RelativeSpikeTime,
    SpikeTimeMse,
    VanRossum,
    MaxVoltageCrossEntropy,
    MeanVoltageCrossEntropy,
    ShapedVoltageCrossEntropy,
    VoltageMse,
}

/// The keys of all losses.
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
    margin: Option<f64>,
    #[serde(default, deserialize_with = "present")]
    tau: Option<f64>,
    #[serde(default, deserialize_with = "present")]
    scale: Option<f64>,
    #[serde(default, deserialize_with = "present")]
    targets: Option<Vec<Vec<f64>>>,
    #[serde(default, deserialize_with = "present")]
    samples: Option<Vec<(u64, f64, f64)>>,
}

impl LossType {
    /// The keys that this type of loss may have beside its population.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::TtfsCrossEntropy => &["label", "tau0", "tau1", "alpha"],
            Self::RelativeSpikeTime => &["label", "margin"],
            Self::SpikeTimeMse => &["targets"],
            Self::VanRossum => &["targets", "tau"],
            Self::MaxVoltageCrossEntropy | Self::MeanVoltageCrossEntropy => &["label"],
            Self::ShapedVoltageCrossEntropy => &["label", "tau", "scale"],
            Self::VoltageMse => &["samples"],
        }
    }
}

impl LossKeys {
    /// Refuses keys of another type of loss.
    fn check_keys(&self) -> Result<(), String> {
        let given = [
            ("label", self.label.is_some()),
            ("tau0", self.tau0.is_some()),
            ("tau1", self.tau1.is_some()),
            ("alpha", self.alpha.is_some()),
            ("margin", self.margin.is_some()),
            ("tau", self.tau.is_some()),
            ("scale", self.scale.is_some()),
            ("targets", self.targets.is_some()),
            ("samples", self.samples.is_some()),
        ];
        let allowed = self.r#type.keys();
        match given.iter().find(|(key, is_given)| *is_given && !allowed.contains(key)) {
            Some((key, _)) => Err(format!(
                "unknown field `{key}`, expected one of {allowed:?} for this type of loss"
            )),
            None => Ok(()),
        }
    }

    fn into_document(self) -> Result<LossDocument, String> {
        self.check_keys()?;
        let Self { r#type: kind, population, label, .. } = self;
        let label = || needed("label", label);
        Ok(match kind {
            LossType::TtfsCrossEntropy => LossDocument::TtfsCrossEntropy {
                population,
                label: label()?,
                tau0: needed("tau0", self.tau0)?,
                tau1: self.tau1.unwrap_or_else(one),
                alpha: self.alpha.unwrap_or(0.0),
            },
            LossType::RelativeSpikeTime => LossDocument::RelativeSpikeTime {
                population,
                label: label()?,
                margin: needed("margin", self.margin)?,
            },
            LossType::SpikeTimeMse => {
                LossDocument::SpikeTimeMse { population, targets: needed("targets", self.targets)? }
            }
            LossType::VanRossum => LossDocument::VanRossum {
                population,
                targets: needed("targets", self.targets)?,
                tau: needed("tau", self.tau)?,
            },
            LossType::MaxVoltageCrossEntropy => {
                LossDocument::MaxVoltageCrossEntropy { population, label: label()? }
            }
            LossType::MeanVoltageCrossEntropy => {
                LossDocument::MeanVoltageCrossEntropy { population, label: label()? }
            }
            LossType::ShapedVoltageCrossEntropy => LossDocument::ShapedVoltageCrossEntropy {
                population,
                label: label()?,
                tau: needed("tau", self.tau)?,
                scale: self.scale.unwrap_or_else(one),
            },
            LossType::VoltageMse => {
                LossDocument::VoltageMse { population, samples: needed("samples", self.samples)? }
            }
        })
    }
}

fn needed<T>(key: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("missing field `{key}`, which this type of loss needs"))
}

impl<'de> Deserialize<'de> for LossDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Object(keys): Object<LossKeys> = Object::deserialize(deserializer)?;
        keys.into_document().map_err(D::Error::custom)
    }
}

impl LossDocument {
    /// The population that is read, and whether it has to spike.
    fn population(&self) -> (&str, bool) {
        match self {
            Self::TtfsCrossEntropy { population, .. }
            | Self::RelativeSpikeTime { population, .. }
            | Self::SpikeTimeMse { population, .. }
            | Self::VanRossum { population, .. } => (population, true),
            Self::MaxVoltageCrossEntropy { population, .. }
            | Self::MeanVoltageCrossEntropy { population, .. }
            | Self::ShapedVoltageCrossEntropy { population, .. }
            | Self::VoltageMse { population, .. } => (population, false),
        }
    }

    /// Checks it against its network and the end of the run, in seconds.
    pub(super) fn check(&self, network: &Network, t_end: f64) -> Result<(), ProblemError> {
        let (name, has_to_spike) = self.population();
        let population = network.population(name).map(|k| &network.populations()[k]);
        let fits = |population: &&Population| !has_to_spike || population.model.spikes();
        let Some(population) = population.filter(fits) else {
            let kind = if has_to_spike { " of model lif" } else { "" };
            return Err(word("loss.population", name, format!("the name of a population{kind}")));
        };
        let count = population.size;
        let label = |label| index("loss.label", label, count, "neurons").map(drop);
        match *self {
            Self::TtfsCrossEntropy { label: k, tau0, tau1, alpha, .. } => {
                label(k)?;
                time_constant("loss.tau0", tau0)?;
                time_constant("loss.tau1", tau1)?;
                number("loss.alpha", alpha, true, "a finite number")
            }
            Self::RelativeSpikeTime { label: k, margin, .. } => {
                label(k)?;
                number("loss.margin", margin, true, "a finite number")
            }
            Self::SpikeTimeMse { ref targets, .. } => {
                check_targets(targets, count, |_| true, "a finite number")
            }
            Self::VanRossum { ref targets, tau, .. } => {
                check_targets(targets, count, |t| t >= 0.0, "a time in seconds, 0 or more")?;
                time_constant("loss.tau", tau)
            }
            Self::MaxVoltageCrossEntropy { label: k, .. } => label(k),
            Self::MeanVoltageCrossEntropy { label: k, .. } => {
                label(k)?;
                lasts(t_end)
            }
            Self::ShapedVoltageCrossEntropy { label: k, tau, scale, .. } => {
                label(k)?;
                time_constant("loss.tau", tau)?;
                // The weight fades at the inverse.
                let fades = tau.recip().is_finite();
                number("loss.tau", tau, fades, "a time in seconds whose inverse is finite")?;
                number("loss.scale", scale, scale > 0.0, "a positive number")?;
                lasts(t_end)
            }
            Self::VoltageMse { ref samples, .. } => check_samples(samples, count, t_end),
        }
    }
}

fn number(
    place: impl Into<String>,
    value: f64,
    holds: bool,
    expected: &'static str,
) -> Result<(), ProblemError> {
    if holds && value.is_finite() {
        return Ok(());
    }
    Err(NetworkError::Value { place: place.into(), value, expected }.into())
}

fn time_constant(place: &str, value: f64) -> Result<(), ProblemError> {
    number(place, value, value > 0.0, "a positive time in seconds")
}

/// A time average needs time.
fn lasts(t_end: f64) -> Result<(), ProblemError> {
    number("stimulus.t_end", t_end, t_end > 0.0, "positive for a time average")
}

fn check_targets(
    targets: &[Vec<f64>],
    count: usize,
    holds: impl Fn(f64) -> bool,
    expected: &'static str,
) -> Result<(), ProblemError> {
    length("loss.targets".into(), targets.len(), count, "neuron")?;
    for (k, list) in targets.iter().enumerate() {
        for (n, &time) in list.iter().enumerate() {
            number(format!("loss.targets[{k}][{n}]"), time, holds(time), expected)?;
        }
    }
    Ok(())
}

fn check_samples(
    samples: &[(u64, f64, f64)],
    count: usize,
    t_end: f64,
) -> Result<(), ProblemError> {
    for (k, &(neuron, time, target)) in samples.iter().enumerate() {
        index(format!("loss.samples[{k}][0]"), neuron, count, "neurons")?;
        let within = (0.0..=t_end).contains(&time);
        let expected = "a time from 0 to t_end in seconds";
        number(format!("loss.samples[{k}][1]"), time, within, expected)?;
        number(format!("loss.samples[{k}][2]"), target, true, "a finite number")?;
    }
    Ok(())
}
