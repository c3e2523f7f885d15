//! The losses of a problem file, of which each is an object whose `type` says which other keys it has.
//!
//! The keys are read before it is known which loss it is, so that a wrong value is found at its own place; what belongs to another
//! type is refused afterwards. Not here: what a loss computes.

use super::{
    Derivatives, Evaluate, Loss, MaxVoltageCrossEntropy, MeanVoltageCrossEntropy, Observation,
    RateRegulariser, RelativeSpikeTime, ShapedVoltageCrossEntropy, SpikeTimeMse, Sum, Term,
    TtfsCrossEntropy, VanRossum, VoltageMeasure, VoltageMse, VoltageRegulariser, check, sum,
};
use crate::problem::{Object, present};
use crate::{Network, NetworkError, NeuronId, ReadoutRequest};
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use spikegrad_dynamics::Scalar;

/// Declares the losses of a problem file: all of them as one type, and how it is read.
macro_rules! losses {
    ($($(#[doc = $doc:literal])+ $name:literal => $loss:ident,)+) => {
        /// Any of the losses that a problem file can state, named by its `type`.
        #[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
        #[serde(tag = "type")]
        #[non_exhaustive]
        pub enum AnyLoss {
            $($(#[doc = $doc])+ #[serde(rename = $name)] $loss($loss),)+
        }

        /// The names of the losses.
        #[derive(Clone, Copy, Deserialize)]
        enum Type {
            $(#[serde(rename = $name)] $loss,)+
        }

        impl AnyLoss {
            /// The `type` that names it.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self { $(Self::$loss(_) => $name,)+ }
            }
        }

        impl Type {
            fn name(self) -> &'static str {
                match self { $(Self::$loss => $name,)+ }
            }


            /// The loss of this type that has these keys.
            fn read(self, keys: serde_json::Value) -> serde_json::Result<AnyLoss> {
                match self {
                    $(Self::$loss => serde_json::from_value(keys).map(AnyLoss::$loss),)+
                }
            }
        }

        $(impl From<$loss> for AnyLoss {
            fn from(loss: $loss) -> Self {
                Self::$loss(loss)
            }
        })+

        impl<T: Scalar> Loss<T> for AnyLoss {
            fn check(&self, network: &Network) -> Result<(), NetworkError> {
                match self { $(Self::$loss(loss) => Loss::<T>::check(loss, network),)+ }
            }
            fn request(&self, network: &Network, requests: &mut Vec<ReadoutRequest>) {
                match self { $(Self::$loss(loss) => Loss::<T>::request(loss, network, requests),)+ }
            }
            fn evaluate_into(&self, run: &Observation<'_, T>, into: &mut Derivatives<'_, T>) -> T {
                match self { $(Self::$loss(loss) => loss.evaluate_into(run, into),)+ }
            }
            fn spikes_read(&self, network: &Network, neuron: NeuronId) -> usize {
                match self { $(Self::$loss(loss) => Loss::<T>::spikes_read(loss, network, neuron),)+ }
            }
        }
    };
}

losses! {
    /// −log softmax of −t/`tau0` at the label, plus `alpha` (e^(`t_label`/`tau1`) − 1).
    "ttfs_cross_entropy" => TtfsCrossEntropy,
    /// ½ Σ (t − `t_label` − `margin`)² over the first spikes of all neurons but that of the label.
    "relative_spike_time" => RelativeSpikeTime,
    /// ½ Σ (t − target)², the n-th spike against the n-th target.
    "spike_time_mse" => SpikeTimeMse,
    /// Σ (1/`tau`) ∫ (f − g)² dt, f being a neuron's spikes and g its targets, each followed by e^(−t/`tau`).
    "van_rossum" => VanRossum,
    /// −log softmax of the maxima of V at the label.
    "max_voltage_cross_entropy" => MaxVoltageCrossEntropy,
    /// −log softmax of the time averages of V at the label.
    "mean_voltage_cross_entropy" => MeanVoltageCrossEntropy,
    /// −log softmax of the time averages of e^(−t/`tau`) V, divided by `scale`, at the label.
    "shaped_voltage_cross_entropy" => ShapedVoltageCrossEntropy,
    /// ½ Σ (V(time) − target)².
    "voltage_mse" => VoltageMse,
    /// ½ Σ of the squares of what rates lack to `lower` or have above `upper`.
    "rate_regulariser" => RateRegulariser,
    /// ½ Σ of the squares of what a measure of V lacks to `lower` or has above `upper`.
    "voltage_regulariser" => VoltageRegulariser,
    /// Σ weight · loss.
    "sum" => Sum,
}

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
    /// [`Evaluate::readouts`], which are the same for every scalar.
    ///
    /// # Errors
    /// [`NetworkError`] if the loss does not fit `network`.
    pub fn readouts(&self, network: &Network) -> Result<Vec<ReadoutRequest>, NetworkError> {
        Evaluate::<f64>::readouts(self, network)
    }

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
