//! Where a run starts, what it may not reach, and which of its epochs is the best.
//!
//! Not here: how each is done (`fit/`).

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spikegrad::Grazing;

use crate::fit::EpochRecord;
use crate::out_of_range::{OutOfRange, check, positive};

/// Another run, whose parameters are those that this one starts with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Init {
    /// Folder of that run, or a checkpoint. It is needed when a run starts, and not when it goes on.
    pub from: PathBuf,
    /// Names of the layers that start as there, with all synapses onto them; `null` for all.
    #[serde(default)]
    pub layers: Option<Vec<String>>,
}

/// Bounds that training does not cross: a step beyond one ends there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Bounds {
    /// The lowest threshold, in units of the initial threshold of the layer; `null` for none. A threshold that reaches the reset
    /// ends the run.
    pub thresholds: Option<f64>,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { thresholds: Some(0.01) }
    }
}

impl Bounds {
    pub(super) fn validate(&self) -> Result<(), OutOfRange> {
        let Some(lowest) = self.thresholds else { return Ok(()) };
        check("thresholds", lowest, lowest > 0.0 && lowest <= 1.0, "above 0 and at most 1, or null")
    }
}

/// What to do where a spike grazes its threshold, and its time has no derivative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GrazingPolicy {
    /// The run ends.
    #[default]
    Fail,
    /// Such a spike contributes nothing.
    Zero,
    /// Slopes are taken as at least this many per second.
    Floor(f64),
}

impl GrazingPolicy {
    pub(super) fn validate(self) -> Result<(), OutOfRange> {
        match self {
            Self::Fail | Self::Zero => Ok(()),
            Self::Floor(slope) => positive("floor", slope),
        }
    }
}

impl From<GrazingPolicy> for Grazing {
    fn from(policy: GrazingPolicy) -> Self {
        match policy {
            GrazingPolicy::Fail => Self::Fail,
            GrazingPolicy::Zero => Self::Zero,
            GrazingPolicy::Floor(slope) => Self::Floor(slope),
        }
    }
}

impl From<Grazing> for GrazingPolicy {
    fn from(policy: Grazing) -> Self {
        match policy {
            Grazing::Fail => Self::Fail,
            Grazing::Zero => Self::Zero,
            Grazing::Floor(slope) => Self::Floor(slope),
        }
    }
}

/// By what the best epoch is chosen, whose parameters are kept beside those of the last. Never by the test set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// Which number of the validation set is to be the best; of equal ones the first.
    pub by: Criterion,
    /// Number of epochs in a row without a better one after which the run ends; `null` to go on to the last.
    #[serde(default)]
    pub patience: Option<u32>,
}

/// A number by which epochs are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Criterion {
    /// The lowest mean loss.
    ValidationLoss,
    /// The largest share of samples classified rightly.
    ValidationAccuracy,
}

impl Best {
    pub(super) fn validate(self) -> Result<(), OutOfRange> {
        check("patience", 0, self.patience != Some(0), "at least 1, or null")
    }

    /// Position of the best of these epochs.
    #[must_use]
    pub fn of(self, records: &[EpochRecord]) -> Option<usize> {
        let merit = |record: &EpochRecord| match self.by {
            Criterion::ValidationLoss => record.validation_loss.map(|loss| -loss),
            Criterion::ValidationAccuracy => record.validation_accuracy,
        };
        let merits = records.iter().enumerate().filter_map(|(k, record)| Some((k, merit(record)?)));
        merits.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(k, _)| k)
    }

    /// Whether a run with these epochs has lost its patience.
    #[must_use]
    pub fn is_over(self, records: &[EpochRecord]) -> bool {
        let since = self.of(records).map(|best| records.len() - 1 - best);
        let patience = self.patience.and_then(|patience| usize::try_from(patience).ok());
        since.zip(patience).is_some_and(|(since, patience)| since >= patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(losses: &[f64]) -> Vec<EpochRecord> {
        let record = |&loss: &f64| EpochRecord {
            validation_loss: Some(loss),
            validation_accuracy: Some(1.0 - loss),
            ..EpochRecord::default()
        };
        losses.iter().map(record).collect()
    }

    #[test]
    fn the_best_epoch_is_the_first_of_the_best_and_patience_counts_from_it() {
        for by in [Criterion::ValidationLoss, Criterion::ValidationAccuracy] {
            let best = Best { by, patience: Some(2) };
            assert_eq!(best.of(&[]), None);
            let losses = [0.5, 0.25, 0.75, 0.25];
            assert_eq!(best.of(&records(&losses)), Some(1));
            assert!(!best.is_over(&records(&losses[..3])));
            assert!(best.is_over(&records(&losses)));
            assert!(!Best { patience: None, ..best }.is_over(&records(&losses)));
        }
    }

    #[test]
    fn without_validation_nothing_is_the_best() {
        let best = Best { by: Criterion::ValidationLoss, patience: Some(1) };
        let records = vec![EpochRecord::default(); 5];
        assert_eq!((best.of(&records), best.is_over(&records)), (None, false));
    }
}
