//! How a loss of a problem file is read and checked: an object whose `type` says which other keys it has.
//!
//! The keys are read before it is known which loss it is, so that a wrong value is found at its own place; what belongs to another
//! type is refused afterwards. Not here: which losses there are (`any.rs`).

use super::any::Type;
use super::{AnyLoss, Sum, Term, VoltageMeasure, VoltageMse, VoltageRegulariser, check, sum};
use crate::NetworkError;
use crate::problem::{Object, present};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// The keys of all losses.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    #[serde(skip_serializing)]
    r#type: Type,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    population: Option<String>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    label: Option<usize>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    tau0: Option<f64>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    tau1: Option<f64>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    alpha: Option<f64>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    margin: Option<f64>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    tau: Option<f64>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    scale: Option<f64>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    targets: Option<Vec<Vec<f64>>>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    samples: Option<Vec<(usize, f64, f64)>>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    measure: Option<VoltageMeasure>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pseudospikes: Option<bool>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pseudo_alpha: Option<f64>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    lower: Option<f64>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    upper: Option<f64>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    terms: Option<Vec<Term>>,
}

impl<'de> Deserialize<'de> for AnyLoss {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Object(keys): Object<Keys> = Object::deserialize(deserializer)?;
        let loss = keys.r#type;
        let keys = serde_json::to_value(keys).map_err(D::Error::custom)?;
        let of_type =
            |e| D::Error::custom(format_args!("{e}, in a loss of type `{}`", loss.name()));
        loss.read(keys).map_err(of_type)
    }
}

impl AnyLoss {
    /// Checks the loss that stands at `place` against the end of a run, in seconds: an average needs time, and a sample lies within.
    pub(crate) fn check_end(&self, place: &str, t_end: f64) -> Result<(), NetworkError> {
        match self {
            Self::MeanVoltageCrossEntropy(_)
            | Self::ShapedVoltageCrossEntropy(_)
            | Self::RateRegulariser(_)
            | Self::VoltageRegulariser(VoltageRegulariser {
                measure: VoltageMeasure::Mean, ..
            }) => {
                let place = || "stimulus.t_end".into();
                check::value(place, t_end, t_end > 0.0, "positive for a time average")
            }
            Self::VoltageMse(VoltageMse { samples, .. }) => {
                samples.iter().enumerate().try_for_each(|(k, &(_, time, _))| {
                    let place = || format!("{place}.samples[{k}][1]");
                    let within = (0.0..=t_end).contains(&time);
                    check::value(place, time, within, "a time from 0 to t_end in seconds")
                })
            }
            Self::Sum(Sum { terms }) => terms.iter().enumerate().try_for_each(|(k, term)| {
                term.loss.check_end(&format!("{place}.{}", sum::place(k)), t_end)
            }),
            _ => Ok(()),
        }
    }
}
