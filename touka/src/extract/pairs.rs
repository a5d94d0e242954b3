//! A deserializer for the pairs of a query: every value is text, and says by itself what it is.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, Visitor, value};
use serde::forward_to_deserialize_any;

use super::percent::pairs;

/// Reads a query into a struct or a map.
pub(super) fn from_query<T: DeserializeOwned>(query: &str) -> Result<T, Fault> {
    let mut groups: Vec<(Cow<'_, str>, Vec<Cow<'_, str>>)> = Vec::new();
    for (name, text) in pairs(query) {
        // Repeated parameters belong together, wherever they stand. Few enough for a scan.
        match groups.iter_mut().find(|(known, _)| *known == name) {
            Some((_, texts)) => texts.push(text),
            None => groups.push((name, vec![text])),
        }
    }
    T::deserialize(Pairs { rest: groups.into_iter(), next: None })
}

/// Why a query does not fit.
#[derive(Debug)]
pub(super) struct Fault(String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self(reason.to_string())
    }
}

type Group<'a> = (Cow<'a, str>, Vec<Cow<'a, str>>);

/// The whole query: a map from names to values.
struct Pairs<'a> {
    rest: std::vec::IntoIter<Group<'a>>,
    /// The value whose name was read last.
    next: Option<Value<'a>>,
}

impl<'de> de::Deserializer<'de> for Pairs<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_map(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for Pairs<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((name, texts)) = self.rest.next() else { return Ok(None) };
        let key = seed.deserialize(value::StrDeserializer::new(&name))?;
        self.next = Some(Value { name, texts });
        Ok(Some(key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let value = self.next.take().ok_or_else(|| de::Error::custom("a value without a name"))?;
        seed.deserialize(value)
    }
}

/// What one parameter was given: one text, or several.
struct Value<'a> {
    name: Cow<'a, str>,
    texts: Vec<Cow<'a, str>>,
}

impl Value<'_> {
    /// The one text; of a parameter that is repeated, nobody knows which was meant.
    fn single(&self) -> Result<&str, Fault> {
        match &self.texts[..] {
            [text] => Ok(text),
            _ => Err(Fault(format!("`{}` is given {} times", self.name, self.texts.len()))),
        }
    }

    fn named(name: &str, reason: impl fmt::Display) -> Fault {
        Fault(format!("`{name}`: {reason}"))
    }

    fn parse<T: std::str::FromStr<Err: fmt::Display>>(&self, what: &str) -> Result<T, Fault> {
        let text = self.single()?;
        text.parse().map_err(|reason| Self::named(&self.name, format!("{text:?} is not a valid {what}: {reason}")))
    }
}

macro_rules! parsed {
    ($($deserialize:ident $visit:ident $ty:ident)*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            visitor.$visit(self.parse::<$ty>(stringify!($ty))?)
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Value<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let text = self.single()?;
        visitor.visit_str(text).map_err(|fault: Fault| Self::named(&self.name, fault))
    }

    parsed! {
        deserialize_bool visit_bool bool
        deserialize_i8 visit_i8 i8
        deserialize_i16 visit_i16 i16
        deserialize_i32 visit_i32 i32
        deserialize_i64 visit_i64 i64
        deserialize_i128 visit_i128 i128
        deserialize_u8 visit_u8 u8
        deserialize_u16 visit_u16 u16
        deserialize_u32 visit_u32 u32
        deserialize_u64 visit_u64 u64
        deserialize_u128 visit_u128 u128
        deserialize_f32 visit_f32 f32
        deserialize_f64 visit_f64 f64
        deserialize_char visit_char char
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let name = &self.name;
        let each = self.texts.iter().map(|text| Value { name: name.clone(), texts: vec![text.clone()] });
        visitor.visit_seq(value::SeqDeserializer::new(each))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let variant: value::StrDeserializer<'_, Fault> = self.single()?.into_deserializer();
        visitor.visit_enum(variant).map_err(|fault| Self::named(&self.name, fault))
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        str string bytes byte_buf unit_struct tuple tuple_struct map struct identifier ignored_any
    }
}

impl IntoDeserializer<'_, Fault> for Value<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Order {
        Up,
        Down,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Filter {
        room: String,
        level: Option<u8>,
        #[serde(default)]
        tag: Vec<String>,
        #[serde(default)]
        numbers: Vec<i64>,
        order: Option<Order>,
        #[serde(default)]
        strict: bool,
    }

    #[test]
    fn fields_take_what_is_theirs() {
        let filter: Filter =
            from_query("tag=a+b&room=%E2%82%AC&level=3&tag=c%26d&order=down&strict=true&numbers=-1&other=x").unwrap();
        let expected = Filter {
            room: "€".into(),
            level: Some(3),
            tag: vec!["a b".into(), "c&d".into()],
            numbers: vec![-1],
            order: Some(Order::Down),
            strict: true,
        };
        assert_eq!(filter, expected);
        let filter: Filter = from_query("room=").unwrap();
        assert_eq!((filter.room.as_str(), filter.level, filter.tag.len()), ("", None, 0));
    }

    #[test]
    fn maps_and_units_work_too() {
        let map: std::collections::HashMap<String, String> = from_query("a=1&b=2").unwrap();
        assert_eq!(map.len(), 2);
        from_query::<()>("a=1").unwrap();
    }

    #[test]
    fn a_misfit_names_its_parameter() {
        for (query, message) in [
            ("", "missing field `room`"),
            ("room=a&level=x", "`level`: \"x\" is not a valid u8: invalid digit found in string"),
            ("room=a&room=b", "`room` is given 2 times"),
            ("room=a&order=side", "`order`: unknown variant `side`, expected `up` or `down`"),
            ("room=a&strict=1", "`strict`: \"1\" is not a valid bool: provided string was not `true` or `false`"),
            ("room=a&numbers=1&numbers=y", "`numbers`: \"y\" is not a valid i64: invalid digit found in string"),
        ] {
            assert_eq!(from_query::<Filter>(query).unwrap_err().to_string(), message, "{query}");
        }
    }
}
