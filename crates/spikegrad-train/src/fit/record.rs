//! What is written down: a line for each epoch, and the result of a run.
//!
//! Everything but the seconds has the same bits each time a run is repeated. Not here: where it is
//! written (`folder.rs`).

use serde::{Deserialize, Serialize};

use spikegrad_report::{Column, Table};

/// A line of `metrics.jsonl`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Number of completed epochs.
    pub epoch: u32,
    /// Mean loss of the training samples, each before the step that it was part of.
    pub train_loss: f64,
    /// Share of the training samples classified rightly, each before the step that it was part of.
    pub train_accuracy: f64,
    /// Mean loss of the validation samples after the epoch; `null` where there are none.
    pub validation_loss: Option<f64>,
    /// Share of the validation samples classified rightly after the epoch; `null` where there are none.
    pub validation_accuracy: Option<f64>,
    /// Mean loss of the test samples after the epoch.
    pub test_loss: f64,
    /// Share of the test samples classified rightly after the epoch. Nothing is chosen by it.
    pub test_accuracy: f64,
    /// Factor of the learning rates at the beginning of the epoch.
    pub rate_factor: f64,
    /// Mean number of spikes of the hidden layers in a training sample.
    pub hidden_spikes_per_sample: f64,
    /// Mean number of spikes of all neurons in a test sample.
    pub spikes_per_sample: f64,
    /// Share of the hidden neurons without a spike in any training sample.
    pub silent_hidden: f64,
    /// Mean number of output neurons without a spike in a training sample.
    pub silent_outputs_per_sample: f64,
    /// Share of the training samples whose outputs were all silent or tied.
    pub undecided: f64,
    /// The smallest dV/dt at a spike in a training sample, per second: how near a spike came to
    /// vanishing. `null` without a spike.
    pub smallest_slope: Option<f64>,
    /// Mean over the batches of the Euclidean norm of the mean gradient.
    pub gradient_norm: f64,
    /// The largest of these norms.
    pub largest_gradient_norm: f64,
    /// Share of the batches whose gradient was shortened to the limit.
    pub clipped: f64,
    /// Mean over the batches of the norm of all pushes that are no gradients.
    pub push_norm: f64,
    /// Number of grazing spikes and touches at which the policy of the configuration acted, and the gradient was not exact.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub inexact: u64,
    /// What a user should know of the epoch, in sentences; those of the first also of the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Time that the epoch took, evaluation included, in s.
    pub seconds: f64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl EpochRecord {
    /// The table of `epochs` on the page of a run.
    pub(super) fn table(epochs: &[Self]) -> Table {
        let columns = [
            ("", "Epoch"),
            ("Loss", "train"),
            ("Loss", "validation"),
            ("Loss", "test"),
            ("Accuracy (%)", "train"),
            ("Accuracy (%)", "validation"),
            ("Accuracy (%)", "test"),
            ("", "Hidden spikes"),
            ("", "Gradient norm"),
            ("", "Smallest slope (1/s)"),
            ("", "Time (s)"),
        ];
        let or_none = |number: Option<f64>| number.unwrap_or(f64::NAN);
        let row = |record: &Self| {
            vec![
                record.epoch.to_string(),
                Table::number(record.train_loss),
                Table::number(or_none(record.validation_loss)),
                Table::number(record.test_loss),
                Table::percent(record.train_accuracy),
                Table::percent(or_none(record.validation_accuracy)),
                Table::percent(record.test_accuracy),
                Table::number(record.hidden_spikes_per_sample),
                Table::number(record.gradient_norm),
                Table::number(or_none(record.smallest_slope)),
                Table::number(record.seconds),
            ]
        };
        Table {
            heading: "Epochs".to_owned(),
            columns: columns.map(|(group, name)| Column { group, name }).into(),
            rows: epochs.iter().map(row).collect(),
        }
    }
}

/// The content of `result.json`. All accuracies and losses are those of the last epoch: nothing is selected, but beside them, if
/// the configuration asks for it, stand those of the best by the validation set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// What was learned.
    pub data: String,
    /// Seed of the run.
    pub seed: u64,
    /// Number of epochs.
    pub epochs: u32,
    /// Share of the test samples classified rightly; an all-silent or tied output counts as wrong. Of samples with targets, the
    /// share of which each output has as many spikes as its target.
    pub test_accuracy: f64,
    /// Mean loss of the test samples.
    pub test_loss: f64,
    /// Share of the validation samples classified rightly; `null` where there are none.
    pub validation_accuracy: Option<f64>,
    /// Mean loss of the validation samples; `null` where there are none.
    pub validation_loss: Option<f64>,
    /// Share of the training samples classified rightly, each before the step that it was part of.
    pub train_accuracy: f64,
    /// Mean loss of the training samples, likewise.
    pub train_loss: f64,
    /// Time that the epochs took, evaluation included, in s, over all sessions of the run.
    pub train_seconds: f64,
    /// Mean number of spikes of all neurons in a test sample.
    pub spikes_per_sample: f64,
    /// Number of trained parameters.
    pub parameters: usize,
    /// The best epoch by the validation set, if one is chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<BestEpoch>,
    /// Whether the run ended before its last epoch because none became better.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopped_early: bool,
    /// The warnings of all epochs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// The best epoch by the validation set, whose parameters are in `best.safetensors`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BestEpoch {
    /// Number of completed epochs.
    pub epoch: u32,
    /// Mean loss of the validation samples.
    pub validation_loss: Option<f64>,
    /// Share of the validation samples classified rightly.
    pub validation_accuracy: Option<f64>,
    /// Mean loss of the test samples.
    pub test_loss: f64,
    /// Share of the test samples classified rightly. Nothing is chosen by it.
    pub test_accuracy: f64,
}

impl BestEpoch {
    pub(super) fn of(record: &EpochRecord) -> Self {
        Self {
            epoch: record.epoch,
            validation_loss: record.validation_loss,
            validation_accuracy: record.validation_accuracy,
            test_loss: record.test_loss,
            test_accuracy: record.test_accuracy,
        }
    }
}
