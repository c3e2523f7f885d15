//! What is minimised, and by what the output layer names a class.
//!
//! Not here: the losses themselves (`spikegrad-network`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spikegrad::{
    AnyLoss, MaxVoltageCrossEntropy, MeanVoltageCrossEntropy, RelativeSpikeTime,
    ShapedVoltageCrossEntropy, SpikeTimeMse, TtfsCrossEntropy, VanRossum,
};

use super::numbers::LayerModel;
use crate::TrainError;
use crate::out_of_range::{OutOfRange, check, not_negative, positive};

/// A loss for one sample, with its label or its target spike trains.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LossConfig {
    /// Cross-entropy of the first spike times tₖ of the outputs, of which t is that of the label:
    /// −log( e^(−t/τ₀) / Σₖ e^(−tₖ/τ₀) ) + α (e^(t/τ₁) − 1). A silent output counts as one that spikes at the end of the run.
    /// Where the label's is silent, the gradient is not used: it could only make the other outputs later.
    TtfsCrossEntropy {
        /// How far apart first spikes must be to count as decided, τ₀, in s.
        #[serde(default = "quarter_of_a_millisecond")]
        tau0: f64,
        /// Time scale τ₁ on which a late label becomes costly, in s.
        #[serde(default = "second")]
        tau1: f64,
        /// Weight α of the cost of a late label.
        #[serde(default)]
        alpha: f64,
        /// Whether outputs that have not spiked count as ones that spike after the run, where they would go on by themselves; for `qif` and
        /// `qif_delta` outputs. The answer is then the first of these spikes, within the run or after it.
        #[serde(default)]
        pseudospikes: bool,
        /// Width of the softplus that makes the drive of `qif` neurons positive after the run.
        #[serde(default = "ten")]
        pseudo_alpha: f64,
    },
    /// ½ Σ (tₖ − t − Δ)² over all outputs but that of the label (`DelGrad`); silent outputs as above.
    RelativeSpikeTime {
        /// By how much the label's spike is to be the first, Δ, in s.
        #[serde(default = "five_milliseconds")]
        margin: f64,
    },
    /// Cross-entropy of the largest membrane potentials of leaky integrators.
    MaxVoltageCrossEntropy {},
    /// Cross-entropy of the membrane potentials of leaky integrators, averaged over the run.
    MeanVoltageCrossEntropy {},
    /// Cross-entropy of (1/T)∫ e^(−t/τ) V dt / scale of leaky integrators (loss shaping).
    ShapedVoltageCrossEntropy {
        /// Time constant τ of the weight, in s.
        #[serde(default = "twenty_milliseconds")]
        tau: f64,
        /// Unit of the averages.
        #[serde(default = "unit")]
        scale: f64,
    },
    /// ½ Σ (t − target)², the n-th spike of each output against the n-th of its targets, which the data hold. A surplus spike does
    /// not count; a missing one counts as one at the end of the run.
    SpikeTimeMse {
        /// Whether outputs that have not spiked count as ones that spike after the run, where they would go on by themselves; for `qif` and
        /// `qif_delta` outputs.
        #[serde(default)]
        pseudospikes: bool,
        /// Width of the softplus that makes the drive of `qif` neurons positive after the run.
        #[serde(default = "ten")]
        pseudo_alpha: f64,
    },
    /// Σ (1/τ) ∫ (f − g)² dt over the outputs, f being the spikes and g the targets, which the data hold, each followed by e^(−t/τ).
    VanRossum {
        /// Time constant τ of the filter, in s.
        #[serde(default = "five_milliseconds")]
        tau: f64,
    },
}

fn quarter_of_a_millisecond() -> f64 {
    0.000_25
}

fn ten() -> f64 {
    10.0
}

fn five_milliseconds() -> f64 {
    0.005
}

fn twenty_milliseconds() -> f64 {
    0.02
}

fn second() -> f64 {
    1.0
}

fn unit() -> f64 {
    1.0
}

/// What a sample wants of the outputs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wanted {
    /// That of this class is to answer.
    Label(usize),
    /// Spikes at these times, in s, for each output.
    Targets(Vec<Vec<f64>>),
}

impl LossConfig {
    /// The loss of a sample of the class `label`, on the outputs that are called `population`.
    ///
    /// # Errors
    ///
    /// [`TrainError::Untargeted`] if it compares spike trains, which a label does not name.
    pub fn of_label(self, population: &str, label: usize) -> Result<AnyLoss, TrainError> {
        self.of_sample(population, Wanted::Label(label)).ok_or_else(|| self.untargeted())
    }

    /// The loss of a sample that wants this of the outputs, which are called `population`; nothing, if
    /// it is of the other kind.
    pub(crate) fn of_sample(self, population: &str, wanted: Wanted) -> Option<AnyLoss> {
        let population = population.to_owned();
        let (label, targets) = match wanted {
            Wanted::Label(label) if !self.reads_targets() => (label, Vec::new()),
            Wanted::Targets(targets) if self.reads_targets() => (0, targets),
            _ => return None,
        };
        Some(match self {
            Self::TtfsCrossEntropy { tau0, tau1, alpha, pseudospikes, pseudo_alpha } => {
                let pseudo_alpha = pseudospikes.then_some(pseudo_alpha);
                let loss = TtfsCrossEntropy::new(population, label, tau0);
                TtfsCrossEntropy { tau1, alpha, pseudospikes, pseudo_alpha, ..loss }.into()
            }
            Self::RelativeSpikeTime { margin } => {
                RelativeSpikeTime { population, label, margin }.into()
            }
            Self::ShapedVoltageCrossEntropy { tau, scale } => {
                ShapedVoltageCrossEntropy { population, label, tau, scale }.into()
            }
            Self::MaxVoltageCrossEntropy {} => MaxVoltageCrossEntropy { population, label }.into(),
            Self::MeanVoltageCrossEntropy {} => {
                MeanVoltageCrossEntropy { population, label }.into()
            }
            Self::SpikeTimeMse { pseudospikes, pseudo_alpha } => {
                let pseudo_alpha = pseudospikes.then_some(pseudo_alpha);
                SpikeTimeMse { population, targets, pseudospikes, pseudo_alpha }.into()
            }
            Self::VanRossum { tau } => VanRossum { population, targets, tau }.into(),
        })
    }

    /// Its name in a configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TtfsCrossEntropy { .. } => "ttfs-cross-entropy",
            Self::RelativeSpikeTime { .. } => "relative-spike-time",
            Self::MaxVoltageCrossEntropy {} => "max-voltage-cross-entropy",
            Self::MeanVoltageCrossEntropy {} => "mean-voltage-cross-entropy",
            Self::ShapedVoltageCrossEntropy { .. } => "shaped-voltage-cross-entropy",
            Self::SpikeTimeMse { .. } => "spike-time-mse",
            Self::VanRossum { .. } => "van-rossum",
        }
    }

    /// That the data have not what it needs.
    pub(crate) fn untargeted(self) -> TrainError {
        let needs = if self.reads_targets() { "target spike trains" } else { "labels" };
        TrainError::Untargeted { loss: self.name(), needs }
    }

    /// The differences of scores that count as decided, for how sure an answer is: s of first spike times, or a potential.
    pub(crate) fn unit(self) -> f64 {
        match self {
            Self::TtfsCrossEntropy { tau0, .. } => tau0,
            Self::RelativeSpikeTime { margin } => margin,
            Self::ShapedVoltageCrossEntropy { scale, .. } => scale,
            _ => 1.0,
        }
    }

    /// Whether it compares spike trains with those that the data hold, and has no use for labels.
    #[must_use]
    pub fn reads_targets(self) -> bool {
        matches!(self, Self::SpikeTimeMse { .. } | Self::VanRossum { .. })
    }

    /// Whether it reads the first spikes of the outputs.
    pub(crate) fn reads_first_spikes(self) -> bool {
        matches!(self, Self::TtfsCrossEntropy { .. } | Self::RelativeSpikeTime { .. })
    }

    /// Whether spikes that did not happen have times after the run.
    pub(crate) fn goes_on(self) -> bool {
        matches!(
            self,
            Self::TtfsCrossEntropy { pseudospikes: true, .. }
                | Self::SpikeTimeMse { pseudospikes: true, .. }
        )
    }

    /// Whether it reads first spikes that outputs would have after the run.
    pub(crate) fn reads_pseudospikes(self) -> bool {
        matches!(self, Self::TtfsCrossEntropy { pseudospikes: true, .. })
    }

    /// Whether it reads spikes of the outputs, rather than potentials.
    pub(crate) fn reads_spikes(self) -> bool {
        self.reads_first_spikes() || self.reads_targets()
    }

    pub(super) fn validate(self, output: LayerModel) -> Result<(), OutOfRange> {
        let fits = self.reads_spikes() == output.spikes();
        let rule =
            "one of spike times if the outputs spike, one of voltages if they are integrators";
        check("name", self.name(), fits, rule)?;
        match self {
            Self::TtfsCrossEntropy { tau0, tau1, alpha, pseudo_alpha, .. } => {
                positive("tau0", tau0)?;
                positive("pseudo_alpha", pseudo_alpha)?;
                positive("tau1", tau1)?;
                not_negative("alpha", alpha)
            }
            Self::RelativeSpikeTime { margin } => positive("margin", margin),
            Self::ShapedVoltageCrossEntropy { tau, scale } => {
                positive("tau", tau)?;
                positive("scale", scale)
            }
            Self::VanRossum { tau } => positive("tau", tau),
            Self::MaxVoltageCrossEntropy {}
            | Self::MeanVoltageCrossEntropy {}
            | Self::SpikeTimeMse { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_enough_for_a_loss_that_compares_no_spike_trains() {
        let loss = LossConfig::MaxVoltageCrossEntropy {}.of_label("out", 2).unwrap();
        let expected = MaxVoltageCrossEntropy { population: "out".to_owned(), label: 2 };
        assert_eq!(loss, expected.into());
        let refused = LossConfig::VanRossum { tau: 0.005 }.of_label("out", 2).unwrap_err();
        assert!(matches!(
            refused,
            TrainError::Untargeted { loss: "van-rossum", needs: "target spike trains" }
        ));
    }
}
