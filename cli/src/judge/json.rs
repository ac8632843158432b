//! JSON in which no field is given twice, and none has a name that nobody reads.

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// A JSON value; an object with a field given twice is refused, of which one would be ignored otherwise.
pub(super) struct Strict(pub(super) Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Strict;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Strict, E> {
                Ok(Strict(Value::Null))
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Strict, E> {
                Ok(Strict(value.into()))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Strict, E> {
                Ok(Strict(value.into()))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Strict, E> {
                Ok(Strict(value.into()))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Strict, E> {
                Ok(Strict(value.into()))
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Strict, E> {
                Ok(Strict(value.into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Strict, A::Error> {
                let mut array = Vec::new();
                while let Some(Strict(item)) = items.next_element()? {
                    array.push(item);
                }
                Ok(Strict(array.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Strict, A::Error> {
                let mut object = Map::new();
                while let Some((name, Strict(value))) = fields.next_entry::<String, Strict>()? {
                    if object.contains_key(&name) {
                        return Err(de::Error::custom(format!("{name} is given twice: leave one of the two out")));
                    }
                    object.insert(name, value);
                }
                Ok(Strict(object.into()))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

/// The fields of an object that may have these.
///
/// # Errors
/// When `value` is no object, or has a field of another name. `what` names it, `example` is how it is written.
pub(super) fn fields<'a>(
    value: &'a Value,
    what: &str,
    names: &[&str],
    example: &str,
) -> Result<&'a Map<String, Value>, String> {
    let Value::Object(object) = value else {
        return Err(format!("{what} is {}, but must be an object: write {example}", super::number::shown(value)));
    };
    match object.keys().find(|name| !names.contains(&name.as_str())) {
        Some(name) => {
            Err(format!("{what} has no field {name:?}: write {} as here, and leave out all others", names.join(", ")))
        }
        None => Ok(object),
    }
}
