//! What a training run is: every number that its result depends on.
//!
//! A configuration is one flat-as-possible JSON object, complete (a missing or unknown key is
//! refused), so that the file in a run's folder is enough to repeat the run. The built-in one is
//! `configs/yin_yang.json`.
//!
//! Not here: how a key is found and replaced (`setting.rs`), and anything that does not change the
//! numbers of a run, such as folders and threads.

mod setting;

use serde::{Deserialize, Serialize};

use crate::{AdamConfig, LatencyEncoder, TrainError};

/// A training run on Yin-Yang: one hidden layer, latency code, first spike decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What is learned.
    pub task: Task,
    /// Seed of all random numbers of the run.
    pub seed: u64,
    /// Number of passes through the training data.
    pub epochs: u32,
    /// Number of samples whose gradients are averaged for a step of the optimiser.
    pub batch_size: usize,
    /// Number of hidden neurons.
    pub hidden_size: usize,
    /// Membrane time constant of all neurons, in s.
    pub tau_mem: f64,
    /// Synaptic time constant of all neurons, in s.
    pub tau_syn: f64,
    /// Threshold of all neurons, in the unit of the membrane potential.
    pub v_th: f64,
    /// End of the simulation of a sample, in s.
    pub t_end: f64,
    /// How a sample becomes input spikes.
    pub encoder: LatencyEncoder,
    /// Where training starts.
    pub initial_weights: InitialWeights,
    /// What is minimised.
    pub loss: TtfsLoss,
    /// How weights move; its learning rate is that of the first epoch.
    pub optimiser: AdamConfig,
    /// Factor of the learning rate from one epoch to the next.
    pub decay: f64,
    /// What a sample whose label is silent adds, negatively, to its derivatives with respect to the
    /// weights onto that output. Silence has no gradient, and an output that has fallen silent
    /// would stay so; 0 leaves the gradient exact.
    pub silent_label_push: f64,
}

/// What can be learned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// The three classes of [`crate::YinYang`].
    YinYang,
}

/// Distribution of the initial weights of each connection.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InitialWeights {
    /// From the inputs to the hidden layer.
    pub hidden: Normal,
    /// From the hidden layer to the outputs.
    pub output: Normal,
}

/// A normal distribution, in the unit of the weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normal {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub std: f64,
}

/// The loss of the output neurons' first spike times tₖ, of which t is that of the label.
///
/// ```text
/// −log( e^(−t/τ₀) / Σₖ e^(−tₖ/τ₀) ) + α (e^(t/τ₁) − 1)
/// ```
///
/// A silent output counts as one that spikes at the end of the run. Where the label's is silent, the
/// gradient is not used: it could only make the other outputs later.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TtfsLoss {
    /// How far apart first spikes must be to count as decided, τ₀, in s.
    pub tau0: f64,
    /// Time scale τ₁ on which a late label becomes costly, in s.
    pub tau1: f64,
    /// Weight α of the cost of a late label.
    pub alpha: f64,
}

impl Default for Config {
    fn default() -> Self {
        serde_json::from_str(include_str!("../../configs/yin_yang.json"))
            .expect("the built-in configuration is valid, which a unit test checks")
    }
}

impl Config {
    /// Reads a complete configuration and [validates](Self::validate) it.
    ///
    /// # Errors
    ///
    /// [`TrainError::MalformedConfig`] if `text` is no JSON object; [`TrainError::MissingSetting`],
    /// [`TrainError::UnknownSetting`], [`TrainError::MistypedSetting`] or
    /// [`TrainError::InvalidSetting`], each with the key.
    pub fn from_json(text: &str) -> Result<Self, TrainError> {
        let tree =
            serde_json::from_str(text).map_err(|reason| TrainError::MalformedConfig { reason })?;
        let config: Self = setting::from_tree(&tree, &setting::to_tree(&Self::default())?)?;
        config.validate()?;
        Ok(config)
    }

    /// Replaces one setting, such as `optimiser.learning_rate` by `0.01`.
    ///
    /// The value is JSON, or a word without quotes. Whether the whole makes sense is left to
    /// [`validate`](Self::validate), because several settings may have to change together.
    ///
    /// # Errors
    ///
    /// [`TrainError::UnknownSetting`] or [`TrainError::MistypedSetting`]; the configuration is then
    /// as before.
    ///
    /// # Examples
    ///
    /// ```
    /// # use spikegrad_train::Config;
    /// let mut config = Config::default();
    /// config.set("optimiser.learning_rate", "0.01")?;
    /// assert_eq!(config.optimiser.learning_rate, 0.01);
    ///
    /// let message = config.set("optimizer.learning_rate", "0.1").unwrap_err().to_string();
    /// assert!(message.ends_with("the nearest is `optimiser.learning_rate`"));
    /// # Ok::<(), spikegrad_train::TrainError>(())
    /// ```
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), TrainError> {
        *self = setting::replace(self, key, value)?;
        Ok(())
    }

    /// Returns the configuration as JSON, a line for each key, as [`from_json`](Self::from_json)
    /// reads it.
    ///
    /// # Errors
    ///
    /// [`TrainError::MalformedConfig`], which plain numbers give no reason for.
    pub fn to_json(&self) -> Result<String, TrainError> {
        let text = serde_json::to_string_pretty(self);
        Ok(text.map_err(|reason| TrainError::MalformedConfig { reason })? + "\n")
    }

    /// Checks that a run made with `kept` can go on with this configuration: nothing but the number
    /// of epochs, on which no epoch depends, may differ.
    ///
    /// # Errors
    ///
    /// [`TrainError::OtherRun`] for the first setting that differs.
    pub fn check_continues(&self, kept: &Self) -> Result<(), TrainError> {
        let asked = Self { epochs: kept.epochs, ..self.clone() };
        match setting::first_difference(&asked, kept)? {
            None => Ok(()),
            Some((key, asked, kept)) => Err(TrainError::OtherRun { key, asked, kept }),
        }
    }

    /// Checks that a run can be made with these numbers.
    ///
    /// # Errors
    ///
    /// [`TrainError::InvalidSetting`] for the first setting that is out of its range.
    pub fn validate(&self) -> Result<(), TrainError> {
        let Self { encoder, initial_weights, loss, optimiser, .. } = self;
        count("epochs", f64::from(self.epochs))?;
        count("batch_size", approximate(self.batch_size))?;
        count("hidden_size", approximate(self.hidden_size))?;
        positive("tau_mem", self.tau_mem)?;
        positive("tau_syn", self.tau_syn)?;
        positive("v_th", self.v_th)?;
        positive("t_end", self.t_end)?;

        let within = |key, time: f64| {
            check(key, time, (0.0..=self.t_end).contains(&time), "a time from 0 to t_end, in s")
        };
        within("encoder.t_min", encoder.t_min)?;
        within("encoder.t_max", encoder.t_max)?;
        check("encoder.t_max", encoder.t_max, encoder.t_max > encoder.t_min, "later than t_min")?;
        encoder.t_bias.map_or(Ok(()), |t_bias| within("encoder.t_bias", t_bias))?;

        finite("initial_weights.hidden.mean", initial_weights.hidden.mean)?;
        not_negative("initial_weights.hidden.std", initial_weights.hidden.std)?;
        finite("initial_weights.output.mean", initial_weights.output.mean)?;
        not_negative("initial_weights.output.std", initial_weights.output.std)?;

        positive("loss.tau0", loss.tau0)?;
        positive("loss.tau1", loss.tau1)?;
        not_negative("loss.alpha", loss.alpha)?;

        positive("optimiser.learning_rate", optimiser.learning_rate)?;
        let below_one =
            |key, beta: f64| check(key, beta, (0.0..1.0).contains(&beta), "at least 0 and below 1");
        below_one("optimiser.beta1", optimiser.beta1)?;
        below_one("optimiser.beta2", optimiser.beta2)?;
        positive("optimiser.epsilon", optimiser.epsilon)?;
        let decay = self.decay;
        check("decay", decay, decay > 0.0 && decay <= 1.0, "above 0 and at most 1")?;
        not_negative("silent_label_push", self.silent_label_push)
    }
}

/// More than this of anything is a slip of the finger, and its memory could not be had.
const LARGEST_COUNT: f64 = 1e6;

fn check(key: &'static str, found: f64, holds: bool, rule: &'static str) -> Result<(), TrainError> {
    if holds { Ok(()) } else { Err(TrainError::InvalidSetting { key, found, rule }) }
}

fn count(key: &'static str, found: f64) -> Result<(), TrainError> {
    check(key, found, (1.0..=LARGEST_COUNT).contains(&found), "from 1 to 1000000")
}

fn positive(key: &'static str, found: f64) -> Result<(), TrainError> {
    check(key, found, found.is_finite() && found > 0.0, "finite and above 0")
}

fn not_negative(key: &'static str, found: f64) -> Result<(), TrainError> {
    check(key, found, found.is_finite() && found >= 0.0, "finite and not below 0")
}

fn finite(key: &'static str, found: f64) -> Result<(), TrainError> {
    check(key, found, found.is_finite(), "finite")
}

#[expect(clippy::cast_precision_loss, reason = "compared with a limit far below 2⁵³, and shown")]
fn approximate(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples() -> std::path::PathBuf {
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/configs")
    }

    #[track_caller]
    fn check_invalid(change: impl FnOnce(&mut Config), message: &str) {
        let mut config = Config::default();
        change(&mut config);
        assert_eq!(config.validate().unwrap_err().to_string(), message);
    }

    #[test]
    fn the_built_in_configuration_is_valid_and_the_one_among_the_examples() {
        Config::default().validate().unwrap();
        // In a checkout of this crate alone there are no examples to compare with.
        if let Ok(example) = std::fs::read_to_string(examples().join("yin_yang.json")) {
            assert_eq!(example, include_str!("../../configs/yin_yang.json"));
        }
    }

    #[test]
    fn the_published_configuration_differs_where_it_is_said_to() {
        let Ok(text) = std::fs::read_to_string(examples().join("yin_yang_eventprop.json")) else {
            return;
        };
        let mut ours = Config::default();
        // docs/results/yin_yang.md says why.
        for (key, published) in [
            ("encoder.t_bias", "0.0"),
            ("loss.tau0", "0.0005"),
            ("optimiser.learning_rate", "0.005"),
            ("decay", "0.95"),
            ("silent_label_push", "0.0"),
        ] {
            ours.set(key, published).unwrap();
        }
        assert_eq!(Config::from_json(&text).unwrap(), ours);
    }

    #[test]
    fn a_configuration_survives_being_written_and_read() {
        let mut config = Config::default();
        config.set("encoder.t_bias", "null").unwrap();
        config.set("seed", "18446744073709551615").unwrap();
        config.set("decay", "0.1000000000000000055511151231257827").unwrap();
        let text = serde_json::to_string_pretty(&config).unwrap();
        assert_eq!(Config::from_json(&text).unwrap(), config);
    }

    #[test]
    fn settings_that_make_no_run_are_named() {
        check_invalid(|c| c.epochs = 0, "setting `epochs` is 0, but must be from 1 to 1000000");
        check_invalid(
            |c| c.hidden_size = usize::MAX,
            "setting `hidden_size` is 18446744073709552000, but must be from 1 to 1000000",
        );
        check_invalid(
            |c| c.tau_mem = f64::NAN,
            "setting `tau_mem` is NaN, but must be finite and above 0",
        );
        check_invalid(
            |c| c.encoder.t_bias = Some(1.0),
            "setting `encoder.t_bias` is 1, but must be a time from 0 to t_end, in s",
        );
        check_invalid(
            |c| c.encoder.t_max = 0.0,
            "setting `encoder.t_max` is 0, but must be later than t_min",
        );
        check_invalid(
            |c| c.optimiser.beta2 = 1.0,
            "setting `optimiser.beta2` is 1, but must be at least 0 and below 1",
        );
        check_invalid(
            |c| c.initial_weights.output.std = -0.1,
            "setting `initial_weights.output.std` is -0.1, but must be finite and not below 0",
        );
        check_invalid(
            |c| c.decay = 1.5,
            "setting `decay` is 1.5, but must be above 0 and at most 1",
        );
    }
}
