//! What a training run is: every number that its result depends on.
//!
//! A configuration is one JSON object. An unknown key is refused, and what may be left out has a default that is written down
//! when the configuration is: the file in a run's folder is complete, and enough to repeat the run. The built-in ones are
//! the files of `configs/`, one for each data set.
//!
//! Not here: how a key is found and replaced (`schema.rs`, `setting.rs`), and anything that does not change the numbers of a run, such
//! as folders and threads.

mod drawn;
mod json;
mod kind;
mod layer;
mod loss;
mod numbers;
mod rates;
mod schema;
mod setting;
mod start;

pub use drawn::{Distribution, Drawn, NeuronValue};
pub use kind::LayerKind;
pub(crate) use kind::Windows;
pub use layer::{LayerConfig, Normal, SkipConfig};
pub use loss::LossConfig;
pub(crate) use loss::Wanted;
pub(crate) use numbers::parameters;
pub use numbers::{LayerModel, NeuronRates, NeuronValues};
pub use rates::LearningRates;
pub use setting::Switch;
pub use start::{Best, Bounds, Criterion, GrazingPolicy, Init};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::TrainError;
use crate::data::DataConfig;
use crate::encode::{Augmentation, Encoder};
use crate::optimise::{Decays, OptimiserConfig, Schedule, Shape};
use crate::out_of_range::{OutOfRange, below_one, check, count, positive};
use crate::regularise::Regularisers;
use spikegrad::network::loss::Term;

/// A training run: layers of neurons, each reached by the one before, that classify what they are shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "spikegrad training run, version 1")]
pub struct Config {
    /// What is learned.
    pub data: DataConfig,
    /// Seed of all random numbers of the run.
    pub seed: u64,
    /// Number of passes through the training data.
    pub epochs: u32,
    /// Number of samples whose gradients are averaged for a step of the optimiser.
    pub batch_size: usize,
    /// End of the simulation of a sample, in s.
    pub t_end: f64,
    /// How a sample becomes input spikes.
    pub encoder: Encoder,
    /// How training samples are varied, anew in each epoch; `null` to leave them as they are.
    #[serde(default)]
    pub augmentation: Option<Augmentation>,
    /// Layers, the output last.
    pub layers: Vec<LayerConfig>,
    /// What is minimised.
    pub loss: LossConfig,
    /// How parameters move.
    pub optimiser: OptimiserConfig,
    /// Which parameters move, and how fast.
    pub learning_rates: LearningRates,
    /// How the learning rates change over the run.
    #[serde(default)]
    pub schedule: Schedule,
    /// Longest gradient that is taken as it is, in the Euclidean norm; longer ones are shortened to it. `null` for no limit.
    #[serde(default)]
    pub clip: Option<f64>,
    /// Decay in a step of the moving average of the parameters, which is what is evaluated; `null` to evaluate them as they are.
    #[serde(default)]
    pub average: Option<f64>,
    /// Bounds that training does not cross.
    #[serde(default)]
    pub bounds: Bounds,
    /// Losses that are added to that of each sample, with their weights, in the words of a problem file: regularisers of rates and
    /// potentials.
    #[serde(default)]
    pub penalties: Vec<Term>,
    /// Pushes that are no gradients.
    #[serde(default)]
    pub regularisers: Regularisers,
    /// What to do where a spike grazes its threshold.
    #[serde(default)]
    pub grazing: GrazingPolicy,
    /// Another run whose parameters are the initial ones; `null` to draw them.
    #[serde(default)]
    pub init: Option<Init>,
    /// By what the best epoch is chosen and kept; `null` for the last alone.
    #[serde(default)]
    pub best: Option<Best>,
}

/// The built-in configurations, by the name of their data.
const BUILT_IN: [(&str, &str); 6] = [
    ("yin-yang", include_str!("../../configs/yin_yang.json")),
    ("mnist", include_str!("../../configs/mnist.json")),
    ("fashion-mnist", include_str!("../../configs/fashion_mnist.json")),
    ("n-mnist", include_str!("../../configs/n_mnist.json")),
    ("randman", include_str!("../../configs/randman.json")),
    ("spike-trains", include_str!("../../configs/spike_trains.json")),
];

/// That of Yin-Yang.
impl Default for Config {
    fn default() -> Self {
        Self::built_in("yin-yang").expect("a unit test reads it")
    }
}

impl Config {
    /// Names of the data that have a built-in configuration.
    pub fn built_in_names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|(name, _)| *name)
    }

    /// The built-in configuration for the data called `name`.
    ///
    /// # Panics
    ///
    /// Never: a unit test reads them all.
    #[must_use]
    pub fn built_in(name: &str) -> Option<Self> {
        let (_, text) = BUILT_IN.iter().find(|(other, _)| *other == name)?;
        Some(Self::from_json(text).expect("a unit test reads it"))
    }

    /// Reads a configuration and [validates](Self::validate) it.
    ///
    /// # Errors
    ///
    /// [`TrainError::MalformedConfig`] if `text` is no JSON object; [`TrainError::MissingSetting`],
    /// [`TrainError::UnknownSetting`], [`TrainError::MistypedSetting`] or
    /// [`TrainError::InvalidSetting`], each with the key.
    pub fn from_json(text: &str) -> Result<Self, TrainError> {
        let config: Self = setting::from_tree(&json::parse(text)?)?;
        config.validate()?;
        Ok(config)
    }

    /// Reads the configuration in the folder of a run, or in a checkpoint. It was complete when it was written: what it lacks are
    /// settings that came later, and these mean what was done before them.
    ///
    /// # Errors
    ///
    /// As [`from_json`](Self::from_json).
    pub fn of_run(text: &str) -> Result<Self, TrainError> {
        let mut tree = json::parse(text)?;
        if let Some(fields) = tree.as_object_mut() {
            fields.entry("bounds").or_insert(json!({"thresholds": null}));
            let optimiser = fields.get_mut("optimiser").and_then(Value::as_object_mut);
            if let Some(optimiser) = optimiser.filter(|fields| fields.contains_key("weight_decay"))
            {
                optimiser.entry("decays").or_insert("all".into());
            }
        }
        let config: Self = setting::from_tree(&tree)?;
        config.validate()?;
        Ok(config)
    }

    /// The JSON Schema of a configuration.
    #[must_use]
    pub fn schema() -> Value {
        let mut schema = schemars::schema_for!(Self).to_value();
        forget_empty_defaults(&mut schema);
        schema
    }

    /// Replaces one setting, such as `learning_rates.weights` by `0.01`, or a whole heading by a JSON object.
    ///
    /// The value is JSON, or a word without quotes; layers are counted from 0. A new name, such as `sgd` for `optimiser.name`, takes the
    /// defaults of its kind, and drops what the old kind had: [`with`](Self::with) says what. Whether the whole makes sense is left
    /// to [`validate`](Self::validate), because several settings may have to change together.
    ///
    /// # Errors
    ///
    /// [`TrainError::UnknownSetting`], [`TrainError::OtherKind`], [`TrainError::NoMember`], [`TrainError::MissingSetting`] or
    /// [`TrainError::MistypedSetting`]; the configuration is then as before.
    ///
    /// # Examples
    ///
    /// ```
    /// # use spikegrad_train::Config;
    /// let mut config = Config::default();
    /// config.set("learning_rates.weights", "0.01")?;
    /// config.set("layers.0.size", "30")?;
    /// assert_eq!(config.learning_rates.weights, Some(0.01));
    ///
    /// let message = config.set("learning_rates.weight", "0.1").unwrap_err().to_string();
    /// assert!(message.ends_with("the nearest is `learning_rates.weights`"));
    /// # Ok::<(), spikegrad_train::TrainError>(())
    /// ```
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), TrainError> {
        *self = self.with(&[(key, value)])?.0;
        Ok(())
    }

    /// Returns the configuration with several settings replaced, one after the other, and what was dropped on the way because
    /// another kind was chosen.
    ///
    /// # Errors
    ///
    /// As [`set`](Self::set), for the first that cannot be replaced, or for what they make together.
    pub fn with(
        &self,
        changes: &[(impl AsRef<str>, impl AsRef<str>)],
    ) -> Result<(Self, Vec<Switch>), TrainError> {
        setting::replace(self, changes)
    }

    /// Reads JSON as that of a configuration is read: a key that stands twice is an error.
    ///
    /// # Errors
    ///
    /// [`TrainError::RepeatedSetting`] or [`TrainError::MalformedConfig`].
    pub fn parse_value(text: &str) -> Result<Value, TrainError> {
        json::parse(text)
    }

    /// Returns the configuration as JSON, complete, a line for each key, as [`from_json`](Self::from_json)
    /// reads it.
    ///
    /// # Errors
    ///
    /// [`TrainError::MalformedConfig`], which plain numbers give no reason for.
    pub fn to_json(&self) -> Result<String, TrainError> {
        let text = serde_json::to_string_pretty(self);
        Ok(text.map_err(|reason| TrainError::MalformedConfig { reason })? + "\n")
    }

    /// Checks that a run made with `kept` can go on with this configuration. What may differ is what changes no number of a
    /// completed epoch: the number of epochs, unless past learning rates would have been others; where the data are; the patience
    /// with which the run waits for a better epoch; `grazing` from `fail` to `zero`, because no spike has grazed yet.
    ///
    /// # Errors
    ///
    /// [`TrainError::OtherRun`] for the first setting that differs.
    pub fn check_continues(&self, kept: &Self) -> Result<(), TrainError> {
        let (mut asked, mut kept) = (self.clone(), kept.clone());
        if !matches!(kept.schedule.shape, Shape::Cosine { .. }) {
            asked.epochs = kept.epochs;
        }
        if (kept.grazing, asked.grazing) == (GrazingPolicy::Fail, GrazingPolicy::Zero) {
            asked.grazing = kept.grazing;
        }
        if let (Some(asked), Some(kept)) = (&mut asked.best, &kept.best) {
            asked.patience = kept.patience;
        }
        for config in [&mut asked, &mut kept] {
            if let Some(path) = config.data.path_mut() {
                *path = None;
            }
            config.forget_idle();
        }
        match setting::first_difference(&asked, &kept)? {
            None => Ok(()),
            Some((key, asked, kept)) => Err(TrainError::OtherRun { key, asked, kept }),
        }
    }

    /// Gives settings that came late and have no effect here their defaults, so that they are no difference between runs.
    fn forget_idle(&mut self) {
        let rates = self.layers.iter().map(|layer| layer.rates(&self.learning_rates));
        let rates: Vec<LearningRates> = rates.collect();
        let moves_threshold = |(layer, rates): (&LayerConfig, &LearningRates)| {
            let threshold = layer.model.table().threshold_and_reset;
            let rate =
                threshold.and_then(|(at, _)| layer.model.table().quantities[at].learning_rate);
            rate.is_some_and(|name| rates.neurons.get(name).is_some())
        };
        if !self.layers.iter().zip(&rates).any(moves_threshold) {
            self.bounds = Bounds::default();
        }
        let only_weights = |rates: &LearningRates| {
            LearningRates { weights: None, ..rates.clone() } == LearningRates::default()
        };
        if self.optimiser.decays().is_none() || rates.iter().all(only_weights) {
            self.optimiser.set_decays(Decays::Weights);
        }
    }

    /// Checks that a run can be made with these numbers.
    ///
    /// # Errors
    ///
    /// [`TrainError::InvalidSetting`] for the first setting that is out of its range.
    pub fn validate(&self) -> Result<(), TrainError> {
        Ok(self.check_ranges()?)
    }

    fn check_ranges(&self) -> Result<(), OutOfRange> {
        count("epochs", self.epochs as usize)?;
        count("batch_size", self.batch_size)?;
        positive("t_end", self.t_end)?;
        self.data.validate().map_err(|broken| broken.below("data"))?;
        self.encoder.validate(self.t_end).map_err(|broken| broken.below("encoder"))?;
        if let Some(augmentation) = &self.augmentation {
            augmentation.validate().map_err(|broken| broken.below("augmentation"))?;
        }
        self.check_layers()?;
        self.optimiser.validate().map_err(|broken| broken.below("optimiser"))?;
        self.schedule.validate().map_err(|broken| broken.below("schedule"))?;
        self.check_regularisers().map_err(|broken| broken.below("regularisers"))?;
        self.learning_rates.validate().map_err(|broken| broken.below("learning_rates"))?;
        let mut of_layers = self.layers.iter().filter_map(|layer| layer.learning_rates.as_ref());
        let trains = self.learning_rates.train_something()
            || of_layers.any(|own| LearningRates::default().with(Some(own)).train_something());
        check("learning_rates", "all null", trains, "a rate for at least one kind")?;
        self.bounds.validate().map_err(|broken| broken.below("bounds"))?;
        self.grazing.validate().map_err(|broken| broken.below("grazing"))?;
        self.best.map_or(Ok(()), Best::validate).map_err(|broken| broken.below("best"))?;
        self.check_init().map_err(|broken| broken.below("init"))?;
        self.clip.map_or(Ok(()), |clip| positive("clip", clip))?;
        self.average.map_or(Ok(()), |average| below_one("average", average))
    }

    fn check_regularisers(&self) -> Result<(), OutOfRange> {
        self.regularisers.validate()?;
        let Some(rate) = &self.regularisers.rate else { return Ok(()) };
        let is_hidden = self.layers.iter().rev().skip(1).any(|layer| layer.name == rate.population);
        check("rate.population", &rate.population, is_hidden, "the name of a hidden layer")
    }

    fn check_init(&self) -> Result<(), OutOfRange> {
        let named = self.init.iter().flat_map(|init| init.layers.iter().flatten());
        for (k, name) in named.enumerate() {
            let is_layer = self.layers.iter().any(|layer| layer.name == *name);
            check(format!("layers.{k}"), name, is_layer, "the name of a layer")?;
        }
        Ok(())
    }

    fn check_layers(&self) -> Result<(), OutOfRange> {
        let Some(output) = self.layers.last() else {
            return check("layers", "empty", false, "at least one layer, the output");
        };
        for (k, layer) in self.layers.iter().enumerate() {
            let is_hidden = k + 1 < self.layers.len();
            let spikes = layer.model.spikes();
            let differs = self.layers[..k].iter().all(|other| other.name != layer.name);
            let of_network = || {
                check("name", &layer.name, differs, "different from that of every other layer")?;
                self.check_windows(k)?;
                let sized = !is_hidden || layer.size.is_some() || self.windows(k).is_some();
                check("size", "null", sized, "given for every dense layer but the last")?;
                let rule = "one that spikes for every layer but the last";
                check("model", layer.model, !is_hidden || spikes, rule)?;
                self.check_skip(k)
            };
            let checked = layer.validate().and_then(|()| of_network());
            checked.map_err(|broken| broken.below(format!("layers.{k}")))?;
        }
        self.loss.validate(output.model).map_err(|broken| broken.below("loss"))
    }
}

impl Config {
    /// Checks that the further connections of layer `k` come from where nothing else does.
    fn check_skip(&self, k: usize) -> Result<(), OutOfRange> {
        let skip = &self.layers[k].skip;
        let earlier = self.layers[..k.saturating_sub(1)].iter().map(|layer| layer.name.as_str());
        let sources: Vec<&str> = earlier.chain((k > 0).then_some("input")).collect();
        for (n, SkipConfig { from, .. }) in skip.iter().enumerate() {
            let is_first = skip[..n].iter().all(|other| other.from != *from);
            let rule = "the name of a layer before the one before, or input, and no source twice";
            check(format!("skip.{n}.from"), from, is_first && sources.contains(&&**from), rule)?;
        }
        Ok(())
    }
}

/// That the default of something optional is nothing goes without saying.
fn forget_empty_defaults(schema: &mut Value) {
    match schema {
        Value::Object(keys) => {
            keys.retain(|_, value| !value.is_null());
            keys.values_mut().for_each(forget_empty_defaults);
        }
        Value::Array(members) => members.iter_mut().for_each(forget_empty_defaults),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Randman;
    use crate::regularise::RateTarget;
    use spikegrad::{Model, lif};

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
    fn the_built_in_configurations_are_valid_and_those_of_their_data() {
        for name in Config::built_in_names() {
            assert_eq!(Config::built_in(name).unwrap().data.name(), name);
        }
        assert_eq!(Config::built_in("nonsense"), None);
    }

    #[test]
    fn the_examples_are_valid_and_some_are_the_built_in_ones() {
        // In a checkout of this crate alone there are no examples.
        let Ok(folder) = std::fs::read_dir(examples()) else { return };
        for entry in folder {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            Config::from_json(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let name = path.file_stem().unwrap().to_str().unwrap().replace('_', "-");
            if let Some((_, built_in)) = BUILT_IN.iter().find(|(other, _)| *other == name) {
                assert_eq!(text, *built_in, "{name}");
            }
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
            ("learning_rates.weights", "0.005"),
            ("schedule.shape.decay", "0.95"),
            ("regularisers.silent_label_push", "0.0"),
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
        config.set("schedule.shape.decay", "0.1000000000000000055511151231257827").unwrap();
        let text = serde_json::to_string_pretty(&config).unwrap();
        assert_eq!(Config::from_json(&text).unwrap(), config);
    }

    #[test]
    fn settings_that_make_no_run_are_named() {
        check_invalid(|c| c.epochs = 0, "setting `epochs` is 0, but must be from 1 to 1000000");
        check_invalid(
            |c| c.layers[0].size = Some(usize::MAX),
            "setting `layers.0.size` is 18446744073709551615, but must be from 1 to 1000000",
        );
        check_invalid(
            |c| c.layers[1].neurons.set(&lif::TABLE.quantities[lif::TAU_MEM], f64::NAN),
            "setting `layers.1.tau_mem` is NaN, but must be finite and above 0",
        );
        check_invalid(
            |c| c.layers[1].weights.std = -0.1,
            "setting `layers.1.weights.std` is -0.1, but must be finite and not below 0",
        );
        check_invalid(
            |c| c.layers[0].name = "output".into(),
            "setting `layers.1.name` is output, but must be different from that of every other layer",
        );
        check_invalid(
            |c| c.layers[0].model = LayerModel(Model::Li),
            "setting `layers.0.model` is li, but must be one that spikes for every layer but the last",
        );
        check_invalid(
            |c| {
                c.layers[0].model = LayerModel(Model::named("qif").unwrap());
                c.layers[0].hold_current = true;
            },
            "setting `layers.0.hold_current` is true, but must be false for models other than lif and alif",
        );
        check_invalid(
            |c| c.loss = LossConfig::MaxVoltageCrossEntropy {},
            "setting `loss.name` is max-voltage-cross-entropy, but must be one of spike times if the outputs spike, one of voltages if they are integrators",
        );
        check_invalid(
            |c| c.learning_rates.weights = None,
            "setting `learning_rates` is all null, but must be a rate for at least one kind",
        );
        check_invalid(
            |c| c.data = DataConfig::Randman(Randman { units: 0, ..Randman::default() }),
            "setting `data.units` is 0, but must be from 1 to 1000000",
        );
        check_invalid(
            |c| c.t_end = 0.025,
            "setting `encoder.t_max` is 0.03, but must be a time not before `t_min`, and not after t_end, in s",
        );
        check_invalid(
            |c| c.augmentation = Some(Augmentation { dropout: 1.0, ..Augmentation::default() }),
            "setting `augmentation.dropout` is 1, but must be at least 0 and below 1",
        );
        check_invalid(
            |c| {
                let population = "output".into();
                let rate = RateTarget { population, strength: 1.0, lowest: 0.0, highest: 1.0 };
                c.regularisers.rate = Some(rate);
            },
            "setting `regularisers.rate.population` is output, but must be the name of a hidden layer",
        );
        check_invalid(
            |c| c.average = Some(1.0),
            "setting `average` is 1, but must be at least 0 and below 1",
        );
    }
}
