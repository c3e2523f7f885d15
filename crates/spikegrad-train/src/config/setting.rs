//! Settings by name: `learning_rates.weights` is a path in the configuration's JSON tree, `layers.0.size` one through a list.
//!
//! The JSON Schema that is derived from the types says which keys there are, so there is no second list of them to keep.
//! A value is put into the tree, and serde decides whether the tree is still a configuration.
//!
//! Not here: whether the numbers make sense (`Config::validate`).

use serde::Serialize;
use serde::de::Error;
use serde_json::Value;

use super::Config;
use crate::TrainError;

/// Returns the configuration as a tree.
fn to_tree(config: &impl Serialize) -> Result<Value, TrainError> {
    serde_json::to_value(config).map_err(|reason| TrainError::MalformedConfig { reason })
}

/// Makes a configuration of `tree`.
pub(super) fn from_tree(tree: &Value) -> Result<Config, TrainError> {
    let schema = Config::schema();
    check_keys("", tree, Node::root(&schema))?;
    serde_path_to_error::deserialize(tree).map_err(|error| {
        let key = error.path().to_string().replace(['[', ']'], ".").replace("..", ".");
        let key = key.trim_matches('.');
        mistyped(key, at(tree, key).unwrap_or(tree), error.into_inner())
    })
}

/// A place in the schema.
#[derive(Clone, Copy)]
struct Node<'a> {
    root: &'a Value,
    here: &'a Value,
}

impl<'a> Node<'a> {
    fn root(schema: &'a Value) -> Self {
        Self { root: schema, here: schema }
    }

    fn to(self, here: &'a Value) -> Self {
        Self { here, ..self }
    }

    /// The place itself, where it is only a reference.
    fn resolved(self) -> Self {
        match self.here.get("$ref").and_then(Value::as_str) {
            Some(name) => {
                let place = self.root.pointer(name.trim_start_matches('#'));
                place.map_or(self, |place| self.to(place).resolved())
            }
            None => self,
        }
    }

    /// Every object that may stand here.
    fn objects(self) -> Vec<Self> {
        let node = self.resolved();
        let choices = ["oneOf", "anyOf"].iter().filter_map(|key| node.here.get(key)?.as_array());
        let chosen: Vec<Self> =
            choices.flatten().flat_map(|choice| node.to(choice).objects()).collect();
        match (node.properties(), chosen.is_empty()) {
            (Some(_), true) => vec![node],
            _ => chosen,
        }
    }

    /// The object that `tree` is meant as: that of which it has the tag, or the only one.
    fn object(self, tree: &Value) -> Option<Self> {
        let has_tag = |node: &Self| {
            let tags = node.properties().into_iter().flatten();
            tags.filter_map(|(key, of)| Some((key, of.get("const")?)))
                .all(|(key, tag)| tree.get(key) == Some(tag))
        };
        self.objects().into_iter().find(has_tag)
    }

    /// What may stand here, in words; nothing if the schema does not say. A whole number is a number.
    fn kinds(self) -> Vec<&'static str> {
        let node = self.resolved();
        let types = match node.here.get("type") {
            Some(Value::String(one)) => vec![one.as_str()],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let own = types.into_iter().map(|name| match name {
            "object" => "an object",
            "array" => "a list",
            "string" => "a word",
            "integer" => "a whole number",
            "number" => "a number",
            "boolean" => "true or false",
            _ => "null",
        });
        let choices = ["oneOf", "anyOf"].iter().filter_map(|key| node.here.get(key)?.as_array());
        let mut kinds: Vec<&str> =
            own.chain(choices.flatten().flat_map(|choice| node.to(choice).kinds())).collect();
        if kinds.contains(&"a number") {
            kinds.push("a whole number");
        }
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    fn properties(self) -> Option<&'a serde_json::Map<String, Value>> {
        self.here.get("properties")?.as_object()
    }

    /// What the members of a list are.
    fn items(self) -> Option<Self> {
        let node = self.resolved();
        Some(node.to(node.here.get("items")?))
    }

    fn requires(self, key: &str) -> bool {
        let required = self.here.get("required").and_then(Value::as_array);
        required.is_some_and(|keys| keys.iter().any(|other| other == key))
    }
}

/// What a value is, in the words of [`Node::kinds`].
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a number",
        Value::Number(_) => "a whole number",
        Value::String(_) => "a word",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Compares the keys of a tree with those of the schema, and leaves the values to serde.
fn check_keys(path: &str, tree: &Value, schema: Node<'_>) -> Result<(), TrainError> {
    if let (Some(list), Some(items)) = (tree.as_array(), schema.items()) {
        return list
            .iter()
            .enumerate()
            .try_for_each(|(k, member)| check_keys(&join(path, &k.to_string()), member, items));
    }
    // Serde loses the path within a choice, and would take a list for an object, field by field.
    let kinds = schema.kinds();
    if !kinds.is_empty() && !kinds.contains(&kind(tree)) {
        let is_said = |kind: &&&str| **kind != "a whole number" || !kinds.contains(&"a number");
        let said: Vec<&str> = kinds.iter().filter(is_said).copied().collect();
        let reason = serde_json::Error::custom(format!("expected {}", said.join(" or ")));
        return Err(match path {
            "" => TrainError::MalformedConfig { reason },
            key => mistyped(key, tree, reason),
        });
    }
    let (Some(object), Some(fields)) = (schema.object(tree), tree.as_object()) else {
        return Ok(());
    };
    let known = object.properties().into_iter().flatten();
    for name in fields.keys() {
        if object.properties().is_none_or(|known| !known.contains_key(name)) {
            return Err(unknown(&join(path, name), schema.root));
        }
    }
    for (name, property) in known {
        let key = join(path, name);
        match fields.get(name) {
            Some(field) => check_keys(&key, field, object.to(property))?,
            None if object.requires(name) => return Err(TrainError::MissingSetting { key }),
            None => {}
        }
    }
    Ok(())
}

/// Returns `config` with the value at `key` replaced.
pub(super) fn replace(config: &Config, key: &str, value: &str) -> Result<Config, TrainError> {
    let mut tree = to_tree(config)?;
    let place = key.split('.').try_fold(&mut tree, |node, part| match node {
        Value::Array(list) => list.get_mut(part.parse::<usize>().ok()?),
        node => node.get_mut(part),
    });
    let Some(place) = place else { return Err(unknown(key, &Config::schema())) };
    // A word need not be quoted on a command line: `yin-yang` is not JSON, but means the string.
    *place = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    from_tree(&tree)
}

/// Returns the key of the first value that differs between two configurations, with both values.
pub(super) fn first_difference(
    one: &Config,
    other: &Config,
) -> Result<Option<(String, Value, Value)>, TrainError> {
    Ok(difference("", &to_tree(one)?, &to_tree(other)?))
}

fn difference(path: &str, one: &Value, other: &Value) -> Option<(String, Value, Value)> {
    let children: Option<Vec<(String, &Value, &Value)>> = match (one, other) {
        (Value::Object(a), Value::Object(b)) if a.keys().eq(b.keys()) => {
            Some(a.iter().map(|(key, value)| (key.clone(), value, &b[key])).collect())
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            Some(a.iter().zip(b).enumerate().map(|(k, (a, b))| (k.to_string(), a, b)).collect())
        }
        _ => None,
    };
    match children {
        Some(children) => {
            children.into_iter().find_map(|(key, a, b)| difference(&join(path, &key), a, b))
        }
        None if one == other => None,
        None => Some((path.to_owned(), one.clone(), other.clone())),
    }
}

fn at<'a>(tree: &'a Value, key: &str) -> Option<&'a Value> {
    key.split('.').try_fold(tree, |node, part| match node {
        Value::Array(list) => list.get(part.parse::<usize>().ok()?),
        node => node.get(part),
    })
}

fn mistyped(key: &str, found: &Value, reason: serde_json::Error) -> TrainError {
    TrainError::MistypedSetting { key: key.to_owned(), found: found.to_string(), reason }
}

fn unknown(key: &str, schema: &Value) -> TrainError {
    let likeness = |other: &str| {
        let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
        let whole = strsim::normalized_damerau_levenshtein(key, other);
        // The right name under the wrong heading, or under none, is as good as a slip in the whole.
        whole.max(strsim::normalized_damerau_levenshtein(&last(key), &last(other)))
    };
    let mut keys = Vec::new();
    collect_keys("", Node::root(schema), &mut keys);
    let nearest = keys.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    TrainError::UnknownSetting { key: key.to_owned(), nearest: nearest.unwrap_or_default() }
}

/// All keys that some configuration has; of a list, those of its first member.
fn collect_keys(path: &str, schema: Node<'_>, keys: &mut Vec<String>) {
    if let Some(items) = schema.items() {
        collect_keys(&join(path, "0"), items, keys);
    }
    for object in schema.objects() {
        for (name, property) in object.properties().into_iter().flatten() {
            let key = join(path, name);
            collect_keys(&key, object.to(property), keys);
            keys.push(key);
        }
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
        nearest("layers.2.size", "layers.0.size");
        nearest("loss.alpa", "loss.alpha");
        nearest("encoder.t_bais", "encoder.t_bias");
        nearest("encoder/t_min", "encoder.t_min");
        nearest("epochs.first", "epochs");
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
            "setting `epochs` cannot be -1: invalid value: integer `-1`, expected u32",
        );
        check_refused(
            "optimiser.beta1",
            "NaN",
            "setting `optimiser.beta1` cannot be \"NaN\": expected a number",
        );
        check_refused(
            "layers.0.model",
            "qif",
            "setting `layers.0.model` cannot be \"qif\": unknown variant `qif`, expected `lif` or `li`",
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
            "setting `layers.0.tau_syn` cannot be null: expected a number"
        );
        assert_eq!(
            refused("{ \"mean\": 1.5, \"std\": 0.78 }", "[1.5, 0.78]"),
            "setting `layers.0.weights` cannot be [1.5,0.78]: expected an object"
        );
        assert_eq!(
            refused("ttfs-cross-entropy", "ttfs"),
            "setting `loss.name` cannot be \"ttfs\": unknown variant `ttfs`, expected one of `ttfs-cross-entropy`, `relative-spike-time`, `max-voltage-cross-entropy`, `mean-voltage-cross-entropy`, `shaped-voltage-cross-entropy`"
        );
        assert!(refused(",", ";").starts_with("the configuration cannot be read: expected `,`"));
        let message = Config::from_json("[]").unwrap_err().to_string();
        assert_eq!(message, "the configuration cannot be read: expected an object");
    }
}
