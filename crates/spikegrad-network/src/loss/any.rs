//! The losses of a problem file as one type, of which each is named by its `type`.
//!
//! Not here: what a loss computes, how it is read (`read.rs`).

use super::{
    Derivatives, Evaluate, Loss, MaxVoltageCrossEntropy, MeanVoltageCrossEntropy, Observation,
    RateRegulariser, RelativeSpikeTime, ShapedVoltageCrossEntropy, SpikeTimeMse, Sum,
    TtfsCrossEntropy, VanRossum, VoltageMse, VoltageRegulariser,
};
use crate::{Network, NetworkError, NeuronId, ReadoutRequest};
use spikegrad_dynamics::Scalar;

/// Declares the losses of a problem file: all of them as one type, and how it is read.
macro_rules! losses {
    ($($(#[doc = $doc:literal])+ $name:literal => $loss:ident,)+) => {
        /// Any of the losses that a problem file can state, named by its `type`.
        #[derive(Clone, Debug, PartialEq)]
        #[cfg_attr(
            feature = "problem-file",
            derive(serde::Serialize, schemars::JsonSchema),
            serde(tag = "type")
        )]
        #[non_exhaustive]
        pub enum AnyLoss {
            $(
                $(#[doc = $doc])+
                #[cfg_attr(feature = "problem-file", serde(rename = $name))]
                $loss($loss),
            )+
        }

        /// The names of the losses.
        #[cfg(feature = "problem-file")]
        #[derive(Clone, Copy, serde::Deserialize)]
        pub(super) enum Type {
            $(#[serde(rename = $name)] $loss,)+
        }

        impl AnyLoss {
            /// The `type` that names it.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self { $(Self::$loss(_) => $name,)+ }
            }
        }

        #[cfg(feature = "problem-file")]
        impl Type {
            pub(super) fn name(self) -> &'static str {
                match self { $(Self::$loss => $name,)+ }
            }

            /// The loss of this type that has these keys.
            pub(super) fn read(self, keys: serde_json::Value) -> serde_json::Result<AnyLoss> {
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

impl AnyLoss {
    /// [`Evaluate::readouts`], which are the same for every scalar.
    ///
    /// # Errors
    /// [`NetworkError`] if the loss does not fit `network`.
    pub fn readouts(&self, network: &Network) -> Result<Vec<ReadoutRequest>, NetworkError> {
        Evaluate::<f64>::readouts(self, network)
    }
}
