//! Settings by name: `learning_rates.weights` is a path in the configuration's JSON tree, `layers.0.size` one through a list.
//!
//! A value is put into the tree, and serde decides whether the tree is still a configuration. What is one of several kinds has a tag that
//! says which, such as `optimiser.name`; a new tag takes the defaults of its kind, and what the old kind had is dropped, with
//! a word about it ([`Switch`]). What is `null`, or one number, becomes the object that may stand in its place.
//!
//! Not here: which keys there are (`schema.rs`), whether the numbers make sense (`Config::validate`).

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use super::numbers::check_values;
use super::schema::{Node, check_keys, join, mistyped, nearest, unknown, word};
use super::{Config, json};
use crate::TrainError;
use crate::words::short;

/// What went when a setting became one of another kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Switch {
    /// The key of the tag, such as `optimiser.name`.
    pub key: String,
    /// What it was.
    pub from: Value,
    /// What it is.
    pub to: Value,
    /// The settings of the old kind, with their values.
    pub dropped: Vec<(String, Value)>,
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, from, to, dropped } = self;
        write!(f, "`{key}` is {} in place of {}", short(word(to)), short(word(from)))?;
        if dropped.is_empty() {
            return Ok(());
        }
        f.write_str(", with the defaults of that kind; dropped: ")?;
        for (k, (key, value)) in dropped.iter().enumerate() {
            let comma = if k == 0 { "" } else { ", " };
            write!(f, "{comma}{key} = {}", short(word(value)))?;
        }
        Ok(())
    }
}

/// Returns the configuration as a tree.
fn to_tree(config: &impl Serialize) -> Result<Value, TrainError> {
    serde_json::to_value(config).map_err(|reason| TrainError::MalformedConfig { reason })
}

/// Makes a configuration of `tree`.
pub(super) fn from_tree(tree: &Value) -> Result<Config, TrainError> {
    let schema = Config::schema();
    check_keys("", tree, Node::root(&schema))?;
    let layers = tree.get("layers").and_then(Value::as_array);
    for (k, layer) in layers.into_iter().flatten().enumerate() {
        let of_layer = |(key, found, reason): (&str, Value, _)| {
            mistyped(&format!("layers.{k}.{key}"), &found, reason)
        };
        check_values(layer).map_err(of_layer)?;
    }
    let read: Result<Config, _> = serde_path_to_error::deserialize(tree);
    let mut config = read.map_err(|error| {
        let key = error.path().to_string().replace(['[', ']'], ".").replace("..", ".");
        let key = key.trim_matches('.');
        mistyped(key, at(tree, key).unwrap_or(tree), error.into_inner())
    })?;
    config.layers.iter_mut().for_each(|layer| layer.neurons.complete(layer.model));
    Ok(config)
}

/// Returns `config` with the values at these keys replaced, one after the other.
pub(super) fn replace(
    config: &Config,
    changes: &[(impl AsRef<str>, impl AsRef<str>)],
) -> Result<(Config, Vec<Switch>), TrainError> {
    // What is a default is another one where the model of a layer changes.
    let mut config = config.clone();
    config.layers.iter_mut().for_each(|layer| layer.neurons.forget_defaults(layer.model));
    let mut tree = to_tree(&config)?;
    let schema = Config::schema();
    let mut switches = Vec::new();
    for (key, value) in changes {
        let (key, value) = (key.as_ref(), value.as_ref());
        // A word need not be quoted on a command line: `yin-yang` is not JSON, but means the string.
        let value = match json::parse(value) {
            Ok(value) => value,
            Err(TrainError::RepeatedSetting { key: below }) => {
                return Err(TrainError::RepeatedSetting { key: join(key, &below) });
            }
            Err(_) => Value::String(value.to_owned()),
        };
        let change = Change { key, value, schema: &schema };
        switches.extend(change.apply(&mut tree)?);
    }
    Ok((from_tree(&tree)?, switches))
}

/// A new value for a key.
struct Change<'a> {
    key: &'a str,
    value: Value,
    schema: &'a Value,
}

impl Change<'_> {
    fn apply(self, tree: &mut Value) -> Result<Option<Switch>, TrainError> {
        let (heading, name) = self.key.rsplit_once('.').unwrap_or(("", self.key));
        let (mut here, mut node, mut path) = (tree, Node::root(self.schema), String::new());
        for part in heading.split('.').filter(|part| !part.is_empty()) {
            let (next, below) = self.step(&path, part, here, node)?;
            (here, node, path) = (next, below, join(&path, part));
        }
        if let Some(switch) = self.switch(&path, name, here, node) {
            return Ok(Some(switch));
        }
        let (place, _) = self.step(&path, name, here, node)?;
        *place = self.value;
        Ok(None)
    }

    /// One level down, to what has the name `part` in `here`, which stands at `path` and is made room for if it is not there.
    fn step<'t, 's>(
        &self,
        path: &str,
        part: &str,
        here: &'t mut Value,
        node: Node<'s>,
    ) -> Result<(&'t mut Value, Node<'s>), TrainError> {
        if let Some(items) = node.items().filter(|_| here.is_array()) {
            let count = here.as_array().map_or(0, Vec::len);
            let position = part.parse::<usize>().ok().filter(|position| *position < count);
            let member = position.and_then(|position| here.get_mut(position));
            return match (member, part.parse::<usize>()) {
                (Some(member), _) => Ok((member, items)),
                (None, Ok(_)) => Err(TrainError::NoMember {
                    key: self.key.to_owned(),
                    list: path.to_owned(),
                    count,
                }),
                (None, Err(_)) => Err(nearest(self.key, self.schema)),
            };
        }
        if !here.is_object() && node.objects().iter().any(|object| object.property(part).is_some())
        {
            *here = Value::Object(Map::new());
        }
        let property = node.object(here).and_then(|object| object.property(part));
        match (property, &*here) {
            (Some(below), Value::Object(_)) => {
                let fields = here.as_object_mut().expect("it is an object");
                Ok((fields.entry(part).or_insert(Value::Null), below))
            }
            (_, Value::Object(_)) => Err(match unknown(path, part, node, here) {
                TrainError::UnknownSetting { .. } => nearest(self.key, self.schema),
                other_kind => other_kind,
            }),
            _ => Err(nearest(self.key, self.schema)),
        }
    }

    /// Makes `here` another kind of what may stand there, if `name` is its tag and the value that of another kind.
    fn switch(&self, path: &str, name: &str, here: &mut Value, node: Node<'_>) -> Option<Switch> {
        let is_kind = |object: &Node<'_>| object.tag() == Some((name, &self.value));
        node.objects().iter().find(|object| is_kind(object))?;
        let from = here.get(name).filter(|from| **from != self.value)?.clone();
        let old = std::mem::take(here);
        *here = Value::Object([(name.to_owned(), self.value.clone())].into_iter().collect());
        let fields = old.as_object().into_iter().flatten();
        let dropped = fields.filter(|(key, _)| *key != name);
        Some(Switch {
            key: join(path, name),
            from,
            to: self.value.clone(),
            dropped: dropped.map(|(key, value)| (join(path, key), value.clone())).collect(),
        })
    }
}

/// Returns the key of the first value that differs between two configurations, with both values.
pub(super) fn first_difference(
    one: &Config,
    other: &Config,
) -> Result<Option<(String, Value, Value)>, TrainError> {
    Ok(difference("", &to_tree(one)?, &to_tree(other)?))
}

fn difference(path: &str, one: &Value, other: &Value) -> Option<(String, Value, Value)> {
    if one == other {
        return None;
    }
    let of_children = match (one, other) {
        // Of two kinds, the tags are among what they have in common.
        (Value::Object(a), Value::Object(b)) => {
            a.iter().find_map(|(key, value)| difference(&join(path, key), value, b.get(key)?))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let pairs = a.iter().zip(b).enumerate();
            pairs
                .map(|(k, pair)| (join(path, &k.to_string()), pair))
                .find_map(|(path, (a, b))| difference(&path, a, b))
        }
        _ => None,
    };
    of_children.or_else(|| Some((path.to_owned(), one.clone(), other.clone())))
}

fn at<'a>(tree: &'a Value, key: &str) -> Option<&'a Value> {
    key.split('.').try_fold(tree, |node, part| match node {
        Value::Array(list) => list.get(part.parse::<usize>().ok()?),
        node => node.get(part),
    })
}

#[cfg(test)]
mod tests {
    use super::super::schema::collect_keys;
    use super::*;
    use crate::config::{GrazingPolicy, LossConfig, NeuronValue, Normal};
    use crate::optimise::Shape;
    use spikegrad::lif;

    #[track_caller]
    fn check_refused(key: &str, value: &str, message: &str) {
        let mut config = Config::default();
        let error = config.set(key, value).unwrap_err().to_string();
        assert_eq!(error, message);
        assert_eq!(config, Config::default(), "a refused setting changes nothing");
    }

    #[test]
    fn a_setting_is_replaced_by_its_path() {
        let mut config = Config::default();
        config.set("epochs", "3").unwrap();
        config.set("layers.1.weights.mean", "-1e-3").unwrap();
        config.set("data", r#"{"name": "yin-yang"}"#).unwrap();
        config.set("loss", r#"{"name": "mean-voltage-cross-entropy"}"#).unwrap();
        config.set("layers.1.model", "li").unwrap();
        config.set("clip", "2").unwrap();
        assert_eq!((config.epochs, config.clip), (3, Some(2.0)));
        assert_eq!(config.layers[1].weights.mean.to_bits(), (-1e-3_f64).to_bits());
        config.validate().unwrap();
    }

    #[test]
    fn an_unknown_key_is_answered_with_the_nearest() {
        let nearest = |key: &str, nearest: &str| {
            let message = format!("there is no setting `{key}`; the nearest is `{nearest}`");
            check_refused(key, "1", &message);
        };
        nearest("epoch", "epochs");
        nearest("learning_rate", "learning_rates");
        nearest("optimizer.beta1", "optimiser.beta1");
        nearest("layers.0.tau_memm", "layers.0.tau_mem");
        nearest("layers.1.tau_memm", "layers.1.tau_mem");
        nearest("loss.alpa", "loss.alpha");
        nearest("encoder.t_bais", "encoder.t_bias");
        nearest("encoder/t_min", "encoder.t_min");
        nearest("epochs.first", "epochs");
    }

    /// Every key that some configuration has, and of those with a tag the names that it may have.
    fn all_keys() -> (Vec<String>, Vec<(String, Vec<Value>)>) {
        let schema = Config::schema();
        let mut keys = Vec::new();
        collect_keys("", Node::root(&schema), &mut keys);
        let is_choice = |key: &&String| ["name", "code"].contains(&key.rsplit('.').next().unwrap());
        let mut tags = Vec::new();
        for key in keys.iter().filter(is_choice) {
            let heading = key.rsplit_once('.').unwrap().0;
            let node = heading.split('.').fold(Node::root(&schema), |node, part| {
                let item = node.items().filter(|_| part.parse::<usize>().is_ok());
                item.or_else(|| node.objects().iter().find_map(|object| object.property(part)))
                    .unwrap()
            });
            let names =
                node.objects().into_iter().filter_map(|object| Some(object.tag()?.1.clone()));
            let names: Vec<Value> = names.collect();
            if !names.is_empty() && tags.iter().all(|(other, _)| other != key) {
                tags.push((key.clone(), names));
            }
        }
        (keys, tags)
    }

    #[test]
    fn another_kind_takes_its_defaults_and_says_what_it_dropped() {
        let (_, tags) = all_keys();
        let keys: Vec<&str> = tags.iter().map(|(key, _)| key.as_str()).collect();
        for key in
            ["data.name", "encoder.code", "loss.name", "optimiser.name", "schedule.shape.name"]
        {
            assert!(keys.contains(&key), "{keys:?}");
        }
        for (key, names) in tags {
            for (from, to) in names.iter().flat_map(|from| names.iter().map(move |to| (from, to))) {
                let word = |name: &Value| name.as_str().unwrap().to_owned();
                let start = Config::default().with(&[(&key, word(from))]).unwrap().0;
                let (end, switches) = start.with(&[(&key, word(to))]).unwrap();
                let (heading, tag) = key.rsplit_once('.').unwrap();
                let bare = serde_json::json!({ tag: to }).to_string();
                let expected = start.with(&[(heading, bare)]).unwrap().0;
                if from == to {
                    assert_eq!((end, switches), (start, vec![]), "{key}: {from}");
                    continue;
                }
                assert_eq!(end, expected, "{key}: {from} to {to}");
                let [Switch { from: was, to: is, dropped, .. }] = &switches[..] else {
                    panic!("{key}")
                };
                assert_eq!((was, is), (from, to));
                let old =
                    at(&to_tree(&start).unwrap(), heading).unwrap().as_object().unwrap().len();
                assert_eq!(dropped.len(), old - 1, "all but the tag: {dropped:?}");
            }
        }
        let (_, switches) = Config::default().with(&[("optimiser.name", "sgd")]).unwrap();
        assert_eq!(
            switches[0].to_string(),
            "`optimiser.name` is sgd in place of adam, with the defaults of that kind; dropped: optimiser.beta1 = 0.9, optimiser.beta2 = 0.999, optimiser.decays = weights, optimiser.epsilon = 1e-8, optimiser.weight_decay = 0.0"
        );
    }

    #[test]
    fn a_new_kind_can_be_set_up_with_its_own_settings() {
        let changes = [
            ("layers.1.model", "li"),
            ("loss.name", "shaped-voltage-cross-entropy"),
            ("loss.tau", "0.03"),
            ("schedule.shape.name", "cosine"),
            ("schedule.shape.final_share", "0.5"),
        ];
        let config = Config::default().with(&changes).unwrap().0;
        assert_eq!(config.loss, LossConfig::ShapedVoltageCrossEntropy { tau: 0.03, scale: 1.0 });
        assert_eq!(config.schedule.shape, Shape::Cosine { final_share: 0.5 });
        config.validate().unwrap();
    }

    #[test]
    fn a_setting_of_another_kind_is_answered_with_the_kind() {
        check_refused(
            "optimiser.momentum",
            "0.9",
            "setting `optimiser.momentum` belongs to sgd, but `optimiser.name` is adam",
        );
        check_refused(
            "loss.tau",
            "1",
            "setting `loss.tau` belongs to shaped-voltage-cross-entropy or van-rossum, but `loss.name` is ttfs-cross-entropy",
        );
        check_refused(
            "data.path",
            "here",
            "setting `data.path` belongs to mnist or fashion-mnist or n-mnist or shd or ssc or spike-trains, but `data.name` is yin-yang",
        );
        let text = include_str!("../../configs/yin_yang.json");
        let text = text.replace("\"name\": \"adam\"", "\"name\": \"adam\", \"momentum\": 0.9");
        let message = Config::from_json(&text).unwrap_err().to_string();
        assert_eq!(
            message,
            "setting `optimiser.momentum` belongs to sgd, but `optimiser.name` is adam"
        );
    }

    #[test]
    fn what_is_null_or_a_number_becomes_the_object_that_may_stand_there() {
        let changes = [
            ("augmentation.jitter", "0.001"),
            ("layers.0.delays.mean", "0"),
            ("layers.0.delays.std", "0.001"),
            ("layers.0.tau_mem.mean", "0.02"),
            ("layers.0.tau_mem.std", "0.005"),
            ("layers.1.learning_rates.weights", "0.1"),
            ("regularisers.wake_silent.push", "0.1"),
            ("best.by", "validation-loss"),
            ("grazing.floor", "2.5"),
        ];
        let config = Config::default().with(&changes).unwrap().0;
        assert_eq!(config.augmentation.as_ref().map(|a| a.jitter), Some(0.001));
        assert_eq!(config.layers[0].delays, Some(Normal { mean: 0.0, std: 0.001 }));
        assert_eq!(config.layers[1].learning_rates.as_ref().unwrap().weights, Some(0.1));
        assert_eq!(config.grazing, GrazingPolicy::Floor(2.5));
        let tau_mem = config.layers[0].neurons.get(&lif::TABLE.quantities[lif::TAU_MEM]);
        assert!(matches!(tau_mem, Some(NeuronValue::Drawn(_))));
        config.validate().unwrap();
        check_refused("layers.0.delays.std", "0.1", "setting `layers.0.delays.mean` is missing");
    }

    #[test]
    fn a_member_that_is_not_there_is_answered_with_how_many_there_are() {
        let message = |key: &str, list: &str, count: usize| {
            format!("there is no setting `{key}`: `{list}` has {count} members, counted from 0")
        };
        check_refused("layers.2.size", "1", &message("layers.2.size", "layers", 2));
        check_refused(
            "layers.0.skip.0.from",
            "x",
            &message("layers.0.skip.0.from", "layers.0.skip", 0),
        );
    }

    #[test]
    fn no_key_is_answered_with_itself_and_no_value_with_a_type_of_this_program() {
        let values = [
            "1",
            "-1",
            "1e300",
            "99999999999999999999",
            "0.5",
            "x",
            "true",
            "null",
            "[]",
            "{}",
            "[1]",
        ];
        let types = ["usize", "u32", "u64", "f64", "i64", "struct", "enum", "tuple", "integer `"];
        for key in all_keys().0 {
            for value in values {
                let Err(error) = Config::default().with(&[(&key, value)]) else { continue };
                let message = error.to_string();
                if let TrainError::UnknownSetting { key, nearest } = error {
                    assert_ne!(key, nearest);
                }
                let named = types.iter().find(|name| message.contains(*name));
                assert_eq!(named, None, "{key}={value}: {message}");
                assert!(message.len() < 400 && !message.contains('\n'), "{key}={value}: {message}");
            }
        }
    }

    #[test]
    fn a_key_that_stands_twice_is_refused_in_a_file_and_in_a_value() {
        let text = include_str!("../../configs/yin_yang.json");
        let twice = text.replacen("\"size\": 200,", "\"size\": 200, \"size\": 30,", 1);
        assert_ne!(text, twice);
        let message = Config::from_json(&twice).unwrap_err().to_string();
        assert_eq!(message, "setting `layers.0.size` stands twice; remove one of them");
        check_refused(
            "layers.0.weights",
            r#"{"mean": 1, "std": 1, "mean": 2}"#,
            "setting `layers.0.weights.mean` stands twice; remove one of them",
        );
    }

    #[test]
    fn words_of_a_user_stay_on_the_line_and_short() {
        for key in ["a\nb".to_owned(), "\u{1b}[2J".to_owned(), "x".repeat(10_000)] {
            for (key, value) in
                [(key.as_str(), "1"), ("layers.0.model", key.as_str()), ("loss.name", &key)]
            {
                let message = Config::default().with(&[(key, value)]).unwrap_err().to_string();
                let is_plain = !message.contains(char::is_control);
                assert!(is_plain && message.len() < 11_000, "{message}");
            }
            let text = serde_json::json!({ key: 1 }).to_string();
            let message = Config::from_json(&text).unwrap_err().to_string();
            assert!(!message.contains(char::is_control) && message.len() < 400, "{message}");
        }
    }

    #[test]
    fn a_bad_value_is_answered_with_the_key_and_what_stands_there() {
        check_refused(
            "epochs",
            "many",
            "setting `epochs` cannot be \"many\": expected a whole number",
        );
        check_refused(
            "epochs",
            "-1",
            "setting `epochs` cannot be -1: expected a whole number from 0 to 4294967295",
        );
        check_refused(
            "optimiser.beta1",
            "NaN",
            "setting `optimiser.beta1` cannot be \"NaN\": expected a number",
        );
        check_refused(
            "layers.0.model",
            "quif",
            "setting `layers.0.model` cannot be \"quif\": unknown variant `quif`, expected one of `lif`, `li`, `lif_delta`, `alif`, `qif`, `qif_delta`",
        );
    }

    #[test]
    fn a_file_is_refused_with_the_same_words() {
        let refused = |old: &str, new: &str| {
            let text = include_str!("../../configs/yin_yang.json").replace(old, new);
            Config::from_json(&text).unwrap_err().to_string()
        };
        assert_eq!(
            refused("\"t_bias\"", "\"t_bais\""),
            "there is no setting `encoder.t_bais`; the nearest is `encoder.t_bias`"
        );
        assert_eq!(refused("\"epochs\": 100,", ""), "setting `epochs` is missing");
        assert_eq!(
            refused("\"tau_syn\": 0.005", "\"tau_syn\": null"),
            "setting `layers.0.tau_syn` cannot be null: expected a number or an object"
        );
        assert_eq!(
            refused("{ \"mean\": 1.5, \"std\": 0.78 }", "[1.5, 0.78]"),
            "setting `layers.0.weights` cannot be [1.5,0.78]: expected an object"
        );
        assert_eq!(
            refused("ttfs-cross-entropy", "ttfs"),
            "setting `loss.name` cannot be \"ttfs\": unknown variant `ttfs`, expected one of `ttfs-cross-entropy`, `relative-spike-time`, `max-voltage-cross-entropy`, `mean-voltage-cross-entropy`, `shaped-voltage-cross-entropy`, `spike-time-mse`, `van-rossum`"
        );
        let long = refused("ttfs-cross-entropy", &"t".repeat(10_000));
        assert!(long.contains("ttt`, expected one of") && long.len() < 500, "{long}");
        assert!(refused(",", ";").starts_with("the configuration cannot be read: expected `,`"));
        let message = Config::from_json("[]").unwrap_err().to_string();
        assert_eq!(message, "the configuration cannot be read: expected an object");
    }
}
