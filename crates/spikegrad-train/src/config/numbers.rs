//! The numbers of the neurons of a layer, and the learning rates of their kinds: what the tables of the models say.
//!
//! A layer has a key for each parameter of its model. Potentials and currents are in units of the threshold, so that a network keeps its activity if all
//! potentials are scaled; what is not said is as in the table. A key that only other models have is kept and has no effect, so that the model can be
//! changed alone. Not here: what stands at a key (`drawn.rs`), from which stream of random numbers is drawn (`fit/network.rs`).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::LazyLock;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};
use spikegrad::Model;
use spikegrad::dynamics::{Kind, Quantity, Range, Table};
use spikegrad::lif;

use super::drawn::NeuronValue;
use crate::out_of_range::{OutOfRange, check};

/// What a layer without a threshold has as the unit of its weights, potentials and currents, under the same key.
const THRESHOLD: &Quantity = &lif::TABLE.quantities[lif::V_TH];

/// What a layer says of a model's numbers, with their positions in its table.
pub(crate) fn parameters(
    table: &'static Table,
) -> impl Iterator<Item = (usize, &'static Quantity)> + Clone {
    table.quantities.iter().enumerate().filter(|(_, quantity)| quantity.is_of_layer())
}

/// The same of all models, with their models.
fn all() -> impl Iterator<Item = (&'static str, &'static Quantity)> {
    let of = |model: Model| parameters(model.table()).map(move |(_, q)| (model.table().model, q));
    Model::ALL.into_iter().flat_map(of)
}

/// Each once, in the order of the tables.
fn each_once(names: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    let mut once = Vec::new();
    for name in names {
        if !once.contains(&name) {
            once.push(name);
        }
    }
    once
}

/// The keys of all models.
static KEYS: LazyLock<Vec<&str>> = LazyLock::new(|| each_once(all().map(|(_, q)| q.key())));
/// The names of the learning rates of all models.
static RATES: LazyLock<Vec<&str>> =
    LazyLock::new(|| each_once(all().filter_map(|(_, q)| q.learning_rate)));
/// The names of all models.
static MODELS: LazyLock<Vec<&str>> =
    LazyLock::new(|| Model::ALL.iter().map(|model| model.table().model).collect());

/// What kind of neuron a layer is made of: any model that a problem file knows, by its name there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerModel(pub Model);

impl LayerModel {
    /// What the model says of its numbers.
    #[must_use]
    pub fn table(self) -> &'static Table {
        self.0.table()
    }

    /// Whether its neurons spike.
    #[must_use]
    pub fn spikes(self) -> bool {
        self.0.spikes()
    }

    /// The quantity that is the unit of weights, potentials and currents: the threshold, or what stands for it.
    fn unit(self) -> &'static Quantity {
        let table = self.table();
        table.threshold_and_reset.map_or(THRESHOLD, |(at, _)| &table.quantities[at])
    }
}

impl fmt::Display for LayerModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.table().model)
    }
}

impl Serialize for LayerModel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.table().model)
    }
}

impl<'de> Deserialize<'de> for LayerModel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Model::named(&name).map(Self).ok_or_else(|| D::Error::unknown_variant(&name, &MODELS))
    }
}

impl JsonSchema for LayerModel {
    fn schema_name() -> Cow<'static, str> {
        "LayerModel".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let of = |model: &Model| format!("{}: {}", model.table().model, model.table().title);
        let titles: Vec<String> = Model::ALL.iter().map(of).collect();
        let description = format!("What kind of neuron a layer is made of. {}.", titles.join("; "));
        schemars::json_schema!({"description": description, "type": "string", "enum": *MODELS})
    }
}

/// What the neurons of a layer have for its keys, where that was said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NeuronValues(BTreeMap<&'static str, NeuronValue>);

impl NeuronValues {
    /// What was said of a quantity.
    #[must_use]
    pub fn get(&self, quantity: &Quantity) -> Option<NeuronValue> {
        self.0.get(quantity.key()).copied()
    }

    /// Says what the neurons have for a quantity.
    pub fn set(&mut self, quantity: &Quantity, value: impl Into<NeuronValue>) {
        self.0.insert(quantity.key(), value.into());
    }

    /// The quantity, or its default.
    fn of(&self, quantity: &Quantity) -> NeuronValue {
        self.get(quantity).unwrap_or(NeuronValue::Same(quantity.default))
    }

    /// The mean threshold, or what stands for it.
    pub(crate) fn unit(&self, model: LayerModel) -> f64 {
        self.of(model.unit()).mean()
    }

    /// What a quantity may be here: what is a unit is positive.
    pub(crate) fn range(model: LayerModel, quantity: &Quantity) -> Range {
        if quantity.key() == model.unit().key() { Range::Positive } else { quantity.range }
    }

    /// What the neurons of a model have for one of its quantities, and the factor that makes a potential of it.
    pub(crate) fn scaled(&self, model: LayerModel, quantity: &Quantity) -> (NeuronValue, f64) {
        let is_in_units = quantity.kind == Kind::Potential && quantity.key() != model.unit().key();
        (self.of(quantity), if is_in_units { self.unit(model) } else { 1.0 })
    }

    /// The keys that have no effect on a model, although something else than a default stands there.
    pub(crate) fn idle(&self, model: LayerModel) -> impl Iterator<Item = &'static str> {
        let own: Vec<_> = parameters(model.table()).map(|(_, quantity)| quantity.key()).collect();
        let is_idle = move |key: &&str| !own.contains(key) && *key != model.unit().key();
        self.0.keys().copied().filter(is_idle)
    }

    /// Says everything that the model has, and of what only others have nothing that is a default.
    pub(super) fn complete(&mut self, model: LayerModel) {
        let own = || parameters(model.table()).map(|(_, quantity)| quantity);
        self.0.retain(|key, value| {
            let is_own = own().any(|quantity| quantity.key() == *key);
            is_own || !all().any(|(_, quantity)| is_default(quantity, key, *value))
        });
        for quantity in own() {
            self.0.entry(quantity.key()).or_insert(NeuronValue::Same(quantity.default));
        }
    }

    /// Says nothing that is a default of the model, so that another model takes its own.
    pub(super) fn forget_defaults(&mut self, model: LayerModel) {
        let own = || parameters(model.table()).map(|(_, quantity)| quantity);
        self.0.retain(|key, value| !own().any(|quantity| is_default(quantity, key, *value)));
    }

    /// Checks what the model has.
    pub(super) fn validate(&self, model: LayerModel) -> Result<(), OutOfRange> {
        let table = model.table();
        for (_, quantity) in parameters(table) {
            self.of(quantity).check(quantity.key(), Self::range(model, quantity))?;
        }
        self.of(model.unit()).check(model.unit().key(), Range::Positive)?;
        let is_own = |position: usize| table.quantities[position].is_of_layer();
        for below in table.order.iter().filter(|b| is_own(b.lower) && is_own(b.upper)) {
            let mean = |position: usize| {
                let (value, unit) = self.scaled(model, &table.quantities[position]);
                value.mean() * unit
            };
            let (lower, key) = (mean(below.lower), table.quantities[below.lower].key());
            check(key, lower, lower < mean(below.upper), below.rule)?;
        }
        Ok(())
    }
}

/// Whether `value` at `key` is the default of a quantity.
fn is_default(quantity: &Quantity, key: &str, value: NeuronValue) -> bool {
    quantity.key() == key && value == NeuronValue::Same(quantity.default)
}

/// Checks what stands at these keys of a layer, with the key in what is wrong: serde loses it among keys that it does not know.
pub(super) fn check_values(layer: &Value) -> Result<(), (&'static str, Value, serde_json::Error)> {
    for key in KEYS.iter() {
        let Some(value) = layer.get(key) else { continue };
        NeuronValue::deserialize(value).map_err(|reason| (*key, value.clone(), reason))?;
    }
    Ok(())
}

impl Serialize for NeuronValues {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let said = KEYS.iter().filter_map(|key| Some((key, self.0.get(key)?)));
        serializer.collect_map(said)
    }
}

impl<'de> Deserialize<'de> for NeuronValues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Keyed::new("a number of neurons", &KEYS)).map(Self)
    }
}

impl JsonSchema for NeuronValues {
    fn schema_name() -> Cow<'static, str> {
        "NeuronValues".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<NeuronValue>();
        let property = |key: &&'static str| {
            let mut property = value.clone();
            property.insert("description".into(), describe(key).into());
            ((*key).to_owned(), property.to_value())
        };
        object(KEYS.iter().map(property))
    }
}

/// What a key says, of all models that have it.
fn describe(key: &str) -> String {
    let own: Vec<_> = all().filter(|(_, quantity)| quantity.key() == key).collect();
    let first = own[0].1;
    let unit = match (first.kind, key == THRESHOLD.key()) {
        (Kind::TimeConstant | Kind::Duration, _) => ", in s",
        (Kind::Potential, false) => ", in units of the threshold",
        (Kind::Potential, true) => {
            "; its mean is the unit of weights, potentials and currents, also of a model without one"
        }
    };
    let models: Vec<String> =
        own.iter().map(|(model, q)| format!("{model} (by default {:?})", q.default)).collect();
    let mut rest = first.title.chars();
    let initial: String = rest.next().into_iter().flat_map(char::to_uppercase).collect();
    let rest = rest.as_str();
    format!(
        "{initial}{rest}{unit}: a number, or a distribution from which each neuron draws its own. Of {}.",
        models.join(", ")
    )
}

/// A schema with these properties, of which none must be there.
fn object(properties: impl Iterator<Item = (String, Value)>) -> Schema {
    let properties: Map<String, Value> = properties.collect();
    schemars::json_schema!({"type": "object", "properties": properties})
}

/// The learning rates of kinds of numbers of neurons, by the names of the tables; nothing for one that is not trained.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NeuronRates(BTreeMap<&'static str, f64>);

impl NeuronRates {
    /// The rate called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// All of them, in the order of the tables.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, Option<f64>)> {
        RATES.iter().map(|name| (*name, self.get(name)))
    }
}

impl FromIterator<(&'static str, Option<f64>)> for NeuronRates {
    fn from_iter<I: IntoIterator<Item = (&'static str, Option<f64>)>>(rates: I) -> Self {
        Self(rates.into_iter().filter_map(|(name, rate)| Some((name, rate?))).collect())
    }
}

impl Serialize for NeuronRates {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.all())
    }
}

impl<'de> Deserialize<'de> for NeuronRates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let keyed = Keyed::<Option<f64>>::new("a learning rate of neurons", &RATES);
        Ok(deserializer.deserialize_map(keyed)?.into_iter().collect())
    }
}

impl JsonSchema for NeuronRates {
    fn schema_name() -> Cow<'static, str> {
        "NeuronRates".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let property = |name: &&'static str| {
            let quantity = all().map(|(_, q)| q).find(|q| q.learning_rate == Some(*name));
            let description = quantity.map_or_else(String::new, |quantity| {
                let is_factor = quantity.range == Range::Positive;
                let logarithm = if is_factor { "logarithm of the " } else { "" };
                format!("Of the {logarithm}{} of each neuron.", quantity.title)
            });
            (
                (*name).to_owned(),
                json!({"description": description, "type": ["number", "null"], "format": "double"}),
            )
        };
        object(RATES.iter().map(property))
    }
}

/// Reads an object with some of these keys.
struct Keyed<V> {
    /// What a key stands for.
    of: &'static str,
    keys: &'static [&'static str],
    values: PhantomData<V>,
}

impl<V> Keyed<V> {
    fn new(of: &'static str, keys: &'static [&'static str]) -> Self {
        Self { of, keys, values: PhantomData }
    }
}

impl<'de, V: Deserialize<'de>> Visitor<'de> for Keyed<V> {
    type Value = BTreeMap<&'static str, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object, in which each key is {}", self.of)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut values = BTreeMap::new();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            let known = self.keys.iter().find(|known| **known == key);
            let known = known.ok_or_else(|| A::Error::unknown_field(&key, self.keys))?;
            values.insert(*known, map.next_value()?);
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_of_any_model_has_the_parameters_of_its_table() {
        for model in Model::ALL.map(LayerModel) {
            let mut values = NeuronValues::default();
            values.complete(model);
            let keys: Vec<_> = values.0.keys().copied().collect();
            let mut expected: Vec<_> = parameters(model.table()).map(|(_, q)| q.key()).collect();
            expected.sort_unstable();
            assert_eq!(keys, expected);
            values.validate(model).unwrap();
            assert_eq!(values.idle(model).count(), 0);
        }
    }

    #[test]
    fn what_only_another_model_has_is_kept_where_it_says_something() {
        let (lif, li) = (LayerModel(Model::Lif), LayerModel(Model::Li));
        let refractory = &lif::TABLE.quantities[lif::T_REF];
        let mut values = NeuronValues::default();
        values.complete(lif);
        values.set(refractory, 0.002);
        values.set(THRESHOLD, 2.0);
        values.complete(li);
        assert_eq!(values.idle(li).collect::<Vec<_>>(), [refractory.key()]);
        assert!((values.unit(li) - 2.0).abs() < f64::EPSILON, "the unit is that of the threshold");
        values.set(refractory, refractory.default);
        values.complete(li);
        assert_eq!(values.idle(li).count(), 0);
    }

    #[test]
    fn a_value_that_is_the_default_of_another_model_stays() {
        for model in Model::ALL.map(LayerModel) {
            for (_, quantity) in all() {
                let mut values = NeuronValues::default();
                values.set(quantity, quantity.default);
                values.complete(model);
                if parameters(model.table()).any(|(_, own)| own.key() == quantity.key()) {
                    assert_eq!(values.get(quantity), Some(quantity.default.into()), "{model:?}");
                }
            }
        }
    }

    #[test]
    fn potentials_are_in_units_of_the_threshold() {
        let lif = LayerModel(Model::Lif);
        let mut values = NeuronValues::default();
        values.set(THRESHOLD, 2.0);
        let factor = |position: usize| values.scaled(lif, &lif::TABLE.quantities[position]).1;
        for (position, expected) in
            [(lif::V_TH, 1.0), (lif::V_RESET, 2.0), (lif::I_BIAS, 2.0), (lif::TAU_MEM, 1.0)]
        {
            assert!((factor(position) - expected).abs() < f64::EPSILON, "{position}");
        }
        // So the reset value has to be below 1, whatever the threshold.
        values.set(&lif::TABLE.quantities[lif::V_RESET], 0.5);
        assert_eq!(values.validate(lif), Ok(()));
        values.set(&lif::TABLE.quantities[lif::V_RESET], 1.0);
        let broken = values.validate(lif).unwrap_err();
        assert_eq!((&*broken.key, broken.rule), ("v_reset", "below the threshold v_th"));
    }
}
