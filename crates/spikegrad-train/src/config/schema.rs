//! What the JSON Schema of a configuration says of a tree: which keys there are, which must be there, and what may stand at them.
//!
//! The schema is derived from the types, so there is no second list of keys to keep; and it is asked before serde is, because serde
//! loses the path within a choice, and speaks of types of this program.
//!
//! Not here: how a key is replaced (`setting.rs`), whether the numbers make sense (`Config::validate`).

use serde::de::Error;
use serde_json::Value;

use crate::TrainError;

/// Letters of a key that are compared with those of others.
const LONGEST_KEY: usize = 100;

/// A place in the schema.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    root: &'a Value,
    here: &'a Value,
}

impl<'a> Node<'a> {
    pub(super) fn root(schema: &'a Value) -> Self {
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
    pub(super) fn objects(self) -> Vec<Self> {
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
    pub(super) fn object(self, tree: &Value) -> Option<Self> {
        let has_tag = |node: &Self| node.tag().is_none_or(|(key, tag)| tree.get(key) == Some(tag));
        self.objects().into_iter().find(has_tag)
    }

    /// The key that tells this object from others that may stand here, and its value.
    pub(super) fn tag(self) -> Option<(&'a str, &'a Value)> {
        let mut properties = self.properties().into_iter().flatten();
        properties.find_map(|(key, of)| Some((key.as_str(), of.get("const")?)))
    }

    /// What stands at `key` in this object.
    pub(super) fn property(self, key: &str) -> Option<Self> {
        Some(self.to(self.properties()?.get(key)?))
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
    pub(super) fn items(self) -> Option<Self> {
        let node = self.resolved();
        Some(node.to(node.here.get("items")?))
    }

    /// The range of the whole numbers that may stand here, if there is one.
    fn range(self) -> Option<(i128, i128)> {
        let node = self.resolved();
        let lowest = node.here.get("minimum").and_then(Value::as_i64).unwrap_or(i64::MIN);
        let largest: i128 = match node.here.get("format")?.as_str()? {
            "uint32" => u32::MAX.into(),
            "uint64" | "uint" => u64::MAX.into(),
            "int64" | "int" => i64::MAX.into(),
            _ => return None,
        };
        Some((lowest.into(), largest))
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
pub(super) fn check_keys(path: &str, tree: &Value, schema: Node<'_>) -> Result<(), TrainError> {
    if let (Some(list), Some(items)) = (tree.as_array(), schema.items()) {
        return list
            .iter()
            .enumerate()
            .try_for_each(|(k, member)| check_keys(&join(path, &k.to_string()), member, items));
    }
    check_range(path, tree, schema)?;
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
        return check_tag(path, tree, schema);
    };
    let known = object.properties().into_iter().flatten();
    for name in fields.keys() {
        if object.properties().is_none_or(|known| !known.contains_key(name)) {
            return Err(unknown(path, name, schema, tree));
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

/// Refuses an object that is of none of its kinds, where serde would speak of variants.
fn check_tag(path: &str, tree: &Value, schema: Node<'_>) -> Result<(), TrainError> {
    let tag = schema.objects().into_iter().find_map(|object| Some(object.tag()?.0));
    let (Some(tag), true) = (tag, tree.is_object()) else { return Ok(()) };
    let key = join(path, tag);
    match tree.get(tag) {
        None => Err(TrainError::MissingSetting { key }),
        Some(Value::String(_)) => Ok(()),
        Some(other) => Err(mistyped(&key, other, serde_json::Error::custom("expected a word"))),
    }
}

/// Refuses a whole number that is out of its range, with the range in it.
fn check_range(path: &str, tree: &Value, schema: Node<'_>) -> Result<(), TrainError> {
    let Value::Number(number) = tree else { return Ok(()) };
    let found = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    let choices =
        ["oneOf", "anyOf"].iter().filter_map(|key| schema.resolved().here.get(key)?.as_array());
    let mut ranges = choices.flatten().filter_map(|choice| schema.to(choice).range());
    let Some((lowest, largest)) = schema.range().or_else(|| ranges.next()) else { return Ok(()) };
    match found {
        Some(found) if !(lowest..=largest).contains(&found) => {
            let reason = match largest == i128::from(u64::MAX) {
                true => format!("expected a whole number, {lowest} or more"),
                false => format!("expected a whole number from {lowest} to {largest}"),
            };
            Err(mistyped(path, tree, serde_json::Error::custom(reason)))
        }
        _ => Ok(()),
    }
}

pub(super) fn mistyped(key: &str, found: &Value, reason: serde_json::Error) -> TrainError {
    TrainError::MistypedSetting { key: key.to_owned(), found: found.to_string(), reason }
}

/// What to say of a key that the object at `path`, which is `tree`, does not have.
pub(super) fn unknown(path: &str, name: &str, schema: Node<'_>, tree: &Value) -> TrainError {
    let key = join(path, name);
    let tag = schema.objects().into_iter().find_map(|object| Some(object.tag()?.0));
    // The right key of another kind: what is wrong is the kind.
    let others = schema.objects().into_iter().filter(|object| object.property(name).is_some());
    let kinds: Vec<String> = others.filter_map(|object| Some(word(object.tag()?.1))).collect();
    if let (Some(tag), false) = (tag, kinds.is_empty()) {
        let found = tree.get(tag).map_or_else(|| "missing".to_owned(), word);
        return TrainError::OtherKind {
            key: key.into(),
            kinds: kinds.join(" or ").into(),
            tag: join(path, tag).into(),
            found: found.into(),
        };
    }
    nearest(&key, schema.root)
}

/// A value without the quotes of a word.
pub(super) fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// That there is no setting `key`, and which one may be meant.
pub(super) fn nearest(key: &str, schema: &Value) -> TrainError {
    // What is much longer than any key is like none, and comparing would take long.
    let start: String = key.chars().take(LONGEST_KEY).collect();
    let likeness = |other: &str| {
        let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
        let whole = strsim::normalized_damerau_levenshtein(&start, other);
        // The right name under the wrong heading, or under none, is nearly as good as the whole with a slip in it.
        whole.max(0.9 * strsim::normalized_damerau_levenshtein(&last(&start), &last(other)))
    };
    let mut keys = Vec::new();
    collect_keys("", Node::root(schema), &mut keys);
    let nearest = keys.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let nearest = nearest.unwrap_or_default();
    // Of a list, the member that was asked for.
    let is_position = |part: &str| part.parse::<usize>().is_ok();
    let asked = key.split('.').map(Some).chain(std::iter::repeat(None));
    let parts: Vec<&str> = nearest
        .split('.')
        .zip(asked)
        .map(|(part, asked)| {
            asked.filter(|asked| is_position(asked) && is_position(part)).unwrap_or(part)
        })
        .collect();
    TrainError::UnknownSetting { key: key.to_owned(), nearest: parts.join(".") }
}

/// All keys that some configuration has; of a list, those of its first member, and of what may stand within itself those of the outer one.
pub(super) fn collect_keys(path: &str, schema: Node<'_>, keys: &mut Vec<String>) {
    collect_below(path, schema, &mut Vec::new(), keys);
}

fn collect_below<'a>(
    path: &str,
    schema: Node<'a>,
    above: &mut Vec<&'a Value>,
    keys: &mut Vec<String>,
) {
    let here = schema.resolved().here;
    if above.iter().any(|outer| std::ptr::eq(*outer, here)) {
        return;
    }
    above.push(here);
    if let Some(items) = schema.items() {
        collect_below(&join(path, "0"), items, above, keys);
    }
    for object in schema.objects() {
        for (name, property) in object.properties().into_iter().flatten() {
            let key = join(path, name);
            collect_below(&key, object.to(property), above, keys);
            keys.push(key);
        }
    }
    above.pop();
}

pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
