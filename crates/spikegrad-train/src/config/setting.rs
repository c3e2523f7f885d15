//! Settings by name: `optimiser.learning_rate` is a path in the configuration's JSON tree.
//!
//! The tree of a complete configuration says which keys there are, so there is no second list of
//! them to keep. A value is put into the tree, and serde decides whether the tree is still a
//! configuration.
//!
//! Not here: whether the numbers make sense (`Config::validate`).

use serde::Serialize;
use serde::de::{DeserializeOwned, Error};
use serde_json::Value;

use crate::TrainError;

/// Returns the configuration as a tree.
pub(super) fn to_tree(config: &impl Serialize) -> Result<Value, TrainError> {
    serde_json::to_value(config).map_err(|reason| TrainError::MalformedConfig { reason })
}

/// Makes a configuration of `tree`, which must have exactly the keys of the tree `known`.
pub(super) fn from_tree<T: DeserializeOwned>(tree: &Value, known: &Value) -> Result<T, TrainError> {
    check_keys("", tree, known, known)?;
    serde_path_to_error::deserialize(tree).map_err(|error| {
        let key = error.path().to_string();
        let value = key.split('.').try_fold(tree, |node, part| node.get(part));
        mistyped(&key, value.unwrap_or(tree), error.into_inner())
    })
}

/// Compares the keys of two trees, and leaves the values to serde.
fn check_keys(path: &str, tree: &Value, known: &Value, root: &Value) -> Result<(), TrainError> {
    let Some(known) = known.as_object() else { return Ok(()) };
    let Some(fields) = tree.as_object() else {
        // Serde would take a list for an object, field by field.
        let reason = serde_json::Error::custom("expected an object");
        return Err(match path {
            "" => TrainError::MalformedConfig { reason },
            key => mistyped(key, tree, reason),
        });
    };
    if let Some(name) = fields.keys().find(|name| !known.contains_key(*name)) {
        return Err(unknown(&join(path, name), root));
    }
    for (name, known) in known {
        let key = join(path, name);
        match fields.get(name) {
            Some(field) => check_keys(&key, field, known, root)?,
            None => return Err(TrainError::MissingSetting { key }),
        }
    }
    Ok(())
}

/// Returns `config` with the value at `key` replaced.
pub(super) fn replace<T: Serialize + DeserializeOwned>(
    config: &T,
    key: &str,
    value: &str,
) -> Result<T, TrainError> {
    let known = to_tree(config)?;
    let mut tree = known.clone();
    let place = key.split('.').try_fold(&mut tree, |node, part| node.get_mut(part));
    let Some(place) = place else { return Err(unknown(key, &known)) };
    // A word need not be quoted on a command line: `yin-yang` is not JSON, but means the string.
    *place = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    from_tree(&tree, &known)
}

/// Returns the key of the first value that differs between two configurations, with both values.
pub(super) fn first_difference<T: Serialize>(
    one: &T,
    other: &T,
) -> Result<Option<(String, Value, Value)>, TrainError> {
    let (one, other) = (to_tree(one)?, to_tree(other)?);
    let mut keys = Vec::new();
    collect_keys("", &one, &mut keys);
    let at = |tree: &Value, key: &str| {
        key.split('.').try_fold(tree, |node, part| node.get(part)).cloned().unwrap_or_default()
    };
    let pairs = keys.into_iter().map(|key| (at(&one, &key), at(&other, &key), key));
    // A heading differs if something below it does, which is named first.
    let differing = pairs.into_iter().find(|(one, other, _)| one != other);
    Ok(differing.map(|(one, other, key)| (key, one, other)))
}

fn mistyped(key: &str, found: &Value, reason: serde_json::Error) -> TrainError {
    TrainError::MistypedSetting { key: key.to_owned(), found: found.to_string(), reason }
}

fn unknown(key: &str, known: &Value) -> TrainError {
    let likeness = |other: &str| {
        let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
        let whole = strsim::normalized_damerau_levenshtein(key, other);
        // The right name under the wrong heading, or under none, is as good as a slip in the whole.
        whole.max(strsim::normalized_damerau_levenshtein(&last(key), &last(other)))
    };
    let mut keys = Vec::new();
    collect_keys("", known, &mut keys);
    let nearest = keys.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    TrainError::UnknownSetting { key: key.to_owned(), nearest: nearest.unwrap_or_default() }
}

fn collect_keys(path: &str, tree: &Value, keys: &mut Vec<String>) {
    for (name, child) in tree.as_object().into_iter().flatten() {
        let key = join(path, name);
        collect_keys(&key, child, keys);
        keys.push(key);
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    use crate::Config;

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
        config.set("initial_weights.output.mean", "-1e-3").unwrap();
        config.set("task", "yin-yang").unwrap();
        config.set("encoder", r#"{"t_min": 0, "t_max": 0.02, "t_bias": null}"#).unwrap();
        assert_eq!((config.epochs, config.encoder.t_bias), (3, None));
        assert_eq!(config.initial_weights.output.mean.to_bits(), (-1e-3_f64).to_bits());
    }

    #[test]
    fn an_unknown_key_is_answered_with_the_nearest() {
        let nearest = |key: &str, nearest: &str| {
            let message = format!("there is no setting `{key}`; the nearest is `{nearest}`");
            check_refused(key, "1", &message);
        };
        nearest("epoch", "epochs");
        nearest("learning_rate", "optimiser.learning_rate");
        nearest("optimizer.beta1", "optimiser.beta1");
        nearest("tau_memm", "tau_mem");
        nearest("encoder.t_bais", "encoder.t_bias");
        nearest("encoder/t_min", "encoder.t_min");
        nearest("epochs.first", "epochs");
    }

    #[test]
    fn a_bad_value_is_answered_with_the_key_and_what_stands_there() {
        check_refused(
            "epochs",
            "many",
            "setting `epochs` cannot be \"many\": invalid type: string \"many\", expected u32",
        );
        check_refused(
            "epochs",
            "-1",
            "setting `epochs` cannot be -1: invalid value: integer `-1`, expected u32",
        );
        check_refused(
            "optimiser.beta1",
            "NaN",
            "setting `optimiser.beta1` cannot be \"NaN\": invalid type: string \"NaN\", expected f64",
        );
        check_refused(
            "task",
            "mnist",
            "setting `task` cannot be \"mnist\": unknown variant `mnist`, expected `yin-yang`",
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
            refused("0.005,\n  \"v_th\"", "null,\n  \"v_th\""),
            "setting `tau_syn` cannot be null: invalid type: null, expected f64"
        );
        assert_eq!(
            refused("{ \"mean\": 1.5, \"std\": 0.78 }", "[1.5, 0.78]"),
            "setting `initial_weights.hidden` cannot be [1.5,0.78]: expected an object"
        );
        assert!(refused(",", ";").starts_with("the configuration cannot be read: expected `,`"));
        let message = Config::from_json("[]").unwrap_err().to_string();
        assert_eq!(message, "the configuration cannot be read: expected an object");
    }
}
