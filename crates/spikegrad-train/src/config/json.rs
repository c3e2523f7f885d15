//! JSON in which no key stands twice.
//!
//! JSON leaves open what a repeated key means, and its usual reader takes the last one without a word: half of a configuration
//! can be dead. Here it is an error that names the key.
//!
//! Not here: which keys there are (`schema.rs`).

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::TrainError;

/// Reads a JSON value.
///
/// # Errors
///
/// [`TrainError::RepeatedSetting`] for the first key that stands twice in one object, [`TrainError::MalformedConfig`] if `text` is no
/// JSON.
pub(super) fn parse(text: &str) -> Result<Value, TrainError> {
    let repeated = RefCell::new(None);
    let place = Place { path: String::new(), repeated: &repeated };
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = place.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    value.map_err(|reason| match repeated.take() {
        Some(key) => TrainError::RepeatedSetting { key },
        None => TrainError::MalformedConfig { reason },
    })
}

/// Where a value is about to be read.
struct Place<'a> {
    path: String,
    /// The first key that stands twice: an error of the reader has no room for it.
    repeated: &'a RefCell<Option<String>>,
}

impl Place<'_> {
    fn below(&self, name: impl fmt::Display) -> Self {
        let path = match self.path.as_str() {
            "" => name.to_string(),
            path => format!("{path}.{name}"),
        };
        Self { path, repeated: self.repeated }
    }
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = list.next_element_seed(self.below(members.len()))? {
            members.push(member);
        }
        Ok(members.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let place = self.below(&name);
            if fields.contains_key(&name) {
                self.repeated.replace(Some(place.path));
                return Err(A::Error::custom("a key stands twice"));
            }
            let value = map.next_value_seed(place)?;
            fields.insert(name, value);
        }
        Ok(fields.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_the_usual_reader_reads() {
        let texts = [
            include_str!("../../configs/mnist.json"),
            "[1, -2, 0.1, 1e-300, 18446744073709551615, null, true, \"\\u00e4\\n\", {}, []]",
            "1e22",
        ];
        for text in texts {
            assert_eq!(parse(text).unwrap(), serde_json::from_str::<Value>(text).unwrap());
        }
        for text in ["", "{", "[1,]", "{} x", "nul"] {
            let error = parse(text).unwrap_err();
            assert!(matches!(error, TrainError::MalformedConfig { .. }), "{text}");
        }
    }

    #[test]
    fn a_key_that_stands_twice_is_named_wherever_it_does() {
        for (text, key) in [
            (r#"{"a": 1, "a": 1}"#, "a"),
            (r#"{"a": {"b": [0, {"c": 1, "d": 2, "c": 1}]}}"#, "a.b.1.c"),
            ("{\"a\\nb\": 1, \"a\\nb\": 2}", "a\nb"),
        ] {
            match parse(text).unwrap_err() {
                TrainError::RepeatedSetting { key: found } => assert_eq!(found, key),
                other => panic!("{other}"),
            }
        }
        assert!(parse(r#"[{"a": 1}, {"a": 2}]"#).is_ok());
    }
}
