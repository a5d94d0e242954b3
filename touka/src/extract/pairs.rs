//! A deserializer for the pairs of a query. Every value is text; the type that is read decides how it is parsed.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::hash::Hash;

use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, Visitor, value};
use serde::forward_to_deserialize_any;

use super::percent::pairs;

/// Reads a query into a struct or a map.
pub(super) fn from_query<T: DeserializeOwned>(query: &str) -> Result<T, Fault> {
    T::deserialize(Pairs { rest: grouped(pairs(query)).into_iter(), next: None })
}

/// Groups the values by name. Names are in the order of their first value.
///
/// The work is linear in the length of the query: a client chooses the number of names, and a scan for each
/// of them would be quadratic. The map hashes with a random key, so a client cannot choose names that
/// collide.
fn grouped<K: Clone + Eq + Hash, V>(pairs: impl Iterator<Item = (K, V)>) -> Vec<(K, Vec<V>)> {
    let mut places: HashMap<K, usize> = HashMap::new();
    let mut groups: Vec<(K, Vec<V>)> = Vec::new();
    for (name, value) in pairs {
        match places.entry(name) {
            Entry::Occupied(place) => groups[*place.get()].1.push(value),
            Entry::Vacant(place) => {
                groups.push((place.key().clone(), vec![value]));
                place.insert(groups.len() - 1);
            }
        }
    }
    groups
}

/// The reason for which a query does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: FaultKind,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    Missing,
    Repeated,
    Invalid,
}

impl Fault {
    const fn invalid(text: String) -> Self {
        Self { kind: FaultKind::Invalid, text }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self::invalid(reason.to_string())
    }

    fn missing_field(field: &'static str) -> Self {
        Self { kind: FaultKind::Missing, text: format!("missing field `{field}`") }
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

/// The texts of one parameter.
struct Value<'a> {
    name: Cow<'a, str>,
    texts: Vec<Cow<'a, str>>,
}

impl Value<'_> {
    /// The text of a parameter that is given once.
    fn single(&self) -> Result<&str, Fault> {
        match &self.texts[..] {
            [text] => Ok(text),
            texts => {
                let text = format!("`{}` is given {} times", self.name, texts.len());
                Err(Fault { kind: FaultKind::Repeated, text })
            }
        }
    }

    fn named(name: &str, reason: impl fmt::Display) -> Fault {
        Fault::invalid(format!("`{name}`: {reason}"))
    }

    fn parse<T: std::str::FromStr<Err: fmt::Display>>(&self, expected: &str) -> Result<T, Fault> {
        let text = self.single()?;
        text.parse().map_err(|reason| Self::named(&self.name, format!("{text:?} is not a valid {expected}: {reason}")))
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

    // A parameter that no field takes may be repeated.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        str string bytes byte_buf unit_struct tuple tuple_struct map struct identifier
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
    use std::cell::Cell;
    use std::hash::Hasher;
    use std::rc::Rc;

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
    fn fields_take_the_parameters_of_their_names() {
        let filter: Filter =
            from_query("tag=a+b&room=%E2%82%AC&level=3&tag=c%26d&order=down&strict=true&numbers=-1&other=x&other=y")
                .unwrap();
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

    /// A name that counts its comparisons.
    #[derive(Clone, Debug)]
    struct Counted(usize, Rc<Cell<usize>>);

    impl PartialEq for Counted {
        fn eq(&self, other: &Self) -> bool {
            self.1.set(self.1.get() + 1);
            self.0 == other.0
        }
    }

    impl Eq for Counted {}

    impl Hash for Counted {
        fn hash<H: Hasher>(&self, state: &mut H) {
            self.0.hash(state);
        }
    }

    #[test]
    fn the_work_is_linear_in_the_query() {
        const NAMES: usize = 16_125;
        let compared = Rc::new(Cell::new(0));
        let twice = (0..NAMES).chain(0..NAMES);
        let groups = grouped(twice.map(|name| (Counted(name, Rc::clone(&compared)), name)));
        assert_eq!(groups.len(), NAMES);
        assert!(groups.iter().enumerate().all(|(place, (name, values))| name.0 == place && *values == [place, place]));
        assert!(compared.get() <= 4 * NAMES, "{} comparisons", compared.get());
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
