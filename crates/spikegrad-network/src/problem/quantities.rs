//! The numbers of a population as they stand in the file: by the names that the tables of the models give them.
//!
//! Not here: which model has which name (`spikegrad_dynamics::Table`), whether a number makes sense (`Parameters::check`).

use super::document::{Numbers, OneOrMany};
use crate::{Model, Values};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use spikegrad_dynamics::Quantity;
use std::fmt;

/// The quantity of which there is one for each receptor: a list of them is kept as `i[0]`, `i[1]` and so on, and written as a list again.
const LISTED: &str = "i";

/// What is true or false of a neuron, and no number.
pub(super) const OPTIONS: [&str; 2] = ["reset_current", "hold_current"];

/// Numbers by their names, in the order of the file, and options. A repeated name is refused when it is read, one that the model does not have when the problem is
/// checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Named {
    numbers: Vec<(String, Numbers)>,
    options: Vec<(String, bool)>,
}

impl Named {
    /// The numbers called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Numbers> {
        self.numbers.iter().find(|(key, _)| key == name).map(|(_, numbers)| numbers)
    }

    /// The numbers called `name`, to change them.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Numbers> {
        self.numbers.iter_mut().find(|(key, _)| key == name).map(|(_, numbers)| numbers)
    }

    /// Puts numbers in the place of those called `name`, or after all others.
    pub fn set(&mut self, name: &str, numbers: Numbers) {
        match self.get_mut(name) {
            Some(old) => *old = numbers,
            None => self.numbers.push((name.into(), numbers)),
        }
    }

    /// Takes the numbers called `name` away.
    pub fn take(&mut self, name: &str) -> Option<Numbers> {
        let place = self.numbers.iter().position(|(key, _)| key == name)?;
        Some(self.numbers.remove(place).1)
    }

    /// Takes a list of numbers called `i` for one number at each receptor.
    pub(super) fn list_receptors(&mut self) {
        let Some(place) = self.numbers.iter().position(|(name, _)| name == LISTED) else { return };
        if let (_, OneOrMany::Many(list)) = &self.numbers[place] {
            let each: Vec<_> = list.iter().map(|&x| OneOrMany::One(x)).collect();
            self.numbers.splice(place..=place, entries(each));
        }
    }

    /// How many receptors numbers are listed for.
    pub(super) fn listed(&self) -> usize {
        (0..).take_while(|k| self.get(&format!("{LISTED}[{k}]")).is_some()).count()
    }

    /// The option called `name`, which is true or false.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<bool> {
        self.options.iter().find(|(key, _)| key == name).map(|&(_, value)| value)
    }

    /// Sets the option called `name`.
    pub fn set_option(&mut self, name: &str, value: bool) {
        match self.options.iter_mut().find(|(key, _)| key == name) {
            Some((_, old)) => *old = value,
            None => self.options.push((name.into(), value)),
        }
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.numbers.iter().map(|(name, _)| name.as_str())
    }

    /// All numbers, to change them.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Numbers> {
        self.numbers.iter_mut().map(|(_, numbers)| numbers)
    }
}

/// Numbers by the receptor that they belong to.
fn entries(each: Vec<Numbers>) -> impl Iterator<Item = (String, Numbers)> {
    each.into_iter().enumerate().map(|(k, numbers)| (format!("{LISTED}[{k}]"), numbers))
}

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let listed = self.listed();
        let count = self.numbers.len() - listed + listed.min(1) + self.options.len();
        let mut map = serializer.serialize_map(Some(count))?;
        for (name, value) in &self.options {
            map.serialize_entry(name, value)?;
        }
        let of_receptors = |name: &str| name.starts_with(LISTED) && name.ends_with(']');
        for (name, numbers) in self.numbers.iter().filter(|(name, _)| !of_receptors(name)) {
            map.serialize_entry(name, numbers)?;
        }
        if listed > 0 {
            let each = (0..listed).map(|k| self.get(&format!("{LISTED}[{k}]")));
            map.serialize_entry(LISTED, &each.collect::<Vec<_>>())?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Named;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named, A::Error> {
                let mut named = Named::default();
                while let Some(name) = map.next_key::<String>()? {
                    let is_listed = name == LISTED && named.listed() > 0;
                    let is_there = named.get(&name).is_some() || named.option(&name).is_some();
                    if is_listed || is_there {
                        return Err(A::Error::custom(format_args!("duplicate field `{name}`")));
                    }
                    if name.contains('[') {
                        return Err(A::Error::custom(format_args!("unknown field `{name}`")));
                    }
                    if OPTIONS.contains(&name.as_str()) {
                        named.options.push((name, map.next_value()?));
                        continue;
                    }
                    if name != LISTED {
                        named.numbers.push((name, map.next_value()?));
                        continue;
                    }
                    let numbers = match map.next_value::<OneOrMany<Vec<Numbers>>>()? {
                        OneOrMany::One(x) => OneOrMany::One(x),
                        OneOrMany::Many(list) => match all_single(&list) {
                            Some(list) => OneOrMany::Many(list),
                            None => {
                                named.numbers.extend(entries(list));
                                continue;
                            }
                        },
                    };
                    named.numbers.push((name, numbers));
                }
                Ok(named)
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// The numbers of a list that has no lists in it.
fn all_single(list: &[Numbers]) -> Option<Vec<f64>> {
    let number = |entry: &Numbers| match entry {
        OneOrMany::One(x) => Some(*x),
        OneOrMany::Many(_) => None,
    };
    list.iter().map(number).collect()
}

impl From<&Values<f64>> for Numbers {
    fn from(values: &Values<f64>) -> Self {
        match values {
            Values::Shared(value) => OneOrMany::One(*value),
            Values::Each(list) => OneOrMany::Many(list.clone()),
        }
    }
}

/// The schema of `params`.
pub(super) fn parameters(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = schema(generator, |quantity| !quantity.is_initial());
    let of_currents = [
        "Whether a spike sets the synaptic currents to 0. For lif, alif only.",
        "Whether the synaptic currents do not decay within the refractory time. For lif, alif only.",
    ];
    if let Some(properties) = schema.get_mut("properties").and_then(|of| of.as_object_mut()) {
        for (name, description) in OPTIONS.into_iter().zip(of_currents) {
            let option = serde_json::json!({"type": "boolean", "default": false, "description": description});
            properties.insert(name.into(), option);
        }
    }
    schema
}

/// The schema of `initial`.
pub(super) fn initial(generator: &mut SchemaGenerator) -> Schema {
    schema(generator, Quantity::is_initial)
}

/// An object with the names of every model. Which model has which is said in words.
fn schema(generator: &mut SchemaGenerator, is_here: impl Fn(&Quantity) -> bool) -> Schema {
    let numbers = generator.subschema_for::<Numbers>();
    let mut properties = serde_json::Map::new();
    let all = Model::ALL.map(|model| model.table().quantities.iter());
    for quantity in all.into_iter().flatten().filter(|quantity| is_here(quantity)) {
        let has_it = |model: &Model| model.table().position(quantity.path).is_some();
        let models: Vec<_> = Model::ALL.into_iter().filter(has_it).collect();
        let unit = quantity.unit().map(|unit| format!(", in {unit}")).unwrap_or_default();
        let only = if models.len() == Model::ALL.len() {
            String::new()
        } else {
            let names: Vec<_> = models.iter().map(|model| model.table().model).collect();
            format!(" For {} only.", names.join(", "))
        };
        let description =
            format!("The {}{unit}; default {}.{only}", quantity.title, quantity.default);
        let is_listed = quantity.path == "initial.i";
        let mut property = if is_listed {
            generator.subschema_for::<OneOrMany<Vec<Numbers>>>()
        } else {
            numbers.clone()
        };
        property.insert("description".into(), description.into());
        properties.entry(quantity.name()).or_insert(property.into());
    }
    json_schema!({"type": "object", "properties": properties, "additionalProperties": false})
}
