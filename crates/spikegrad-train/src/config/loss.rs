//! What is minimised, and by what the output layer names a class.
//!
//! Not here: the losses themselves (`spikegrad-adjoint`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spikegrad::problem::LossDocument;
use spikegrad::{
    Loss, MaxVoltageCrossEntropy, MeanVoltageCrossEntropy, RelativeSpikeTime,
    ShapedVoltageCrossEntropy, TtfsCrossEntropy,
};

use super::layer::LayerModel;
use crate::out_of_range::{OutOfRange, check, not_negative, positive};

/// A loss for one sample with a label.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LossConfig {
    /// Cross-entropy of the first spike times tₖ of the outputs, of which t is that of the label:
    /// −log( e^(−t/τ₀) / Σₖ e^(−tₖ/τ₀) ) + α (e^(t/τ₁) − 1). A silent output counts as one that spikes at the end of the run.
    /// Where the label's is silent, the gradient is not used: it could only make the other outputs later.
    TtfsCrossEntropy {
        /// How far apart first spikes must be to count as decided, τ₀, in s.
        tau0: f64,
        /// Time scale τ₁ on which a late label becomes costly, in s.
        tau1: f64,
        /// Weight α of the cost of a late label.
        alpha: f64,
    },
    /// ½ Σ (tₖ − t − Δ)² over all outputs but that of the label (`DelGrad`); silent outputs as above.
    RelativeSpikeTime {
        /// By how much the label's spike is to be the first, Δ, in s.
        margin: f64,
    },
    /// Cross-entropy of the largest membrane potentials of leaky integrators.
    MaxVoltageCrossEntropy {},
    /// Cross-entropy of the membrane potentials of leaky integrators, averaged over the run.
    MeanVoltageCrossEntropy {},
    /// Cross-entropy of (1/T)∫ e^(−t/τ) V dt / scale of leaky integrators (loss shaping).
    ShapedVoltageCrossEntropy {
        /// Time constant τ of the weight, in s.
        tau: f64,
        /// Unit of the averages.
        scale: f64,
    },
}

impl LossConfig {
    /// The loss of a sample with this label, on the outputs, which are `population`.
    pub(crate) fn of(self, population: usize, label: usize) -> Box<dyn Loss> {
        match self {
            Self::TtfsCrossEntropy { tau0, tau1, alpha } => {
                Box::new(TtfsCrossEntropy { population, label, tau0, tau1, alpha })
            }
            Self::RelativeSpikeTime { margin } => {
                Box::new(RelativeSpikeTime { population, label, margin })
            }
            Self::ShapedVoltageCrossEntropy { tau, scale } => {
                Box::new(ShapedVoltageCrossEntropy { population, label, tau, scale })
            }
            Self::MaxVoltageCrossEntropy {} => {
                Box::new(MaxVoltageCrossEntropy { population, label })
            }
            Self::MeanVoltageCrossEntropy {} => {
                Box::new(MeanVoltageCrossEntropy { population, label })
            }
        }
    }

    /// The same in the words of a problem file, on the outputs, which are called `population`.
    pub(crate) fn document(self, population: &str, label: usize) -> LossDocument {
        let (population, label) = (population.to_owned(), label as u64);
        match self {
            Self::TtfsCrossEntropy { tau0, tau1, alpha } => {
                LossDocument::TtfsCrossEntropy { population, label, tau0, tau1, alpha }
            }
            Self::RelativeSpikeTime { margin } => {
                LossDocument::RelativeSpikeTime { population, label, margin }
            }
            Self::ShapedVoltageCrossEntropy { tau, scale } => {
                LossDocument::ShapedVoltageCrossEntropy { population, label, tau, scale }
            }
            Self::MaxVoltageCrossEntropy {} => {
                LossDocument::MaxVoltageCrossEntropy { population, label }
            }
            Self::MeanVoltageCrossEntropy {} => {
                LossDocument::MeanVoltageCrossEntropy { population, label }
            }
        }
    }

    /// The differences of scores that count as decided, for how sure an answer is: s of first spike times, or a potential.
    pub(crate) fn unit(self) -> f64 {
        match self {
            Self::TtfsCrossEntropy { tau0, .. } => tau0,
            Self::RelativeSpikeTime { margin } => margin,
            Self::ShapedVoltageCrossEntropy { scale, .. } => scale,
            Self::MaxVoltageCrossEntropy {} | Self::MeanVoltageCrossEntropy {} => 1.0,
        }
    }

    /// Whether it reads spikes of the outputs, rather than potentials.
    pub(crate) fn reads_spikes(self) -> bool {
        matches!(self, Self::TtfsCrossEntropy { .. } | Self::RelativeSpikeTime { .. })
    }

    pub(super) fn validate(self, output: LayerModel) -> Result<(), OutOfRange> {
        let fits = self.reads_spikes() == (output == LayerModel::Lif);
        let rule =
            "one of spike times if the outputs spike, one of voltages if they are integrators";
        check("name", "of the other kind", fits, rule)?;
        match self {
            Self::TtfsCrossEntropy { tau0, tau1, alpha } => {
                positive("tau0", tau0)?;
                positive("tau1", tau1)?;
                not_negative("alpha", alpha)
            }
            Self::RelativeSpikeTime { margin } => positive("margin", margin),
            Self::ShapedVoltageCrossEntropy { tau, scale } => {
                positive("tau", tau)?;
                positive("scale", scale)
            }
            Self::MaxVoltageCrossEntropy {} | Self::MeanVoltageCrossEntropy {} => Ok(()),
        }
    }
}
