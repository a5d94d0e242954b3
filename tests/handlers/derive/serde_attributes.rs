//! Attributes of serde on a derived type.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};
use touka::IntoEvent;

use super::wire;

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn shout<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text.to_uppercase())
}

mod in_seconds {
    use super::{Duration, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(time.as_secs())
    }
}

#[derive(Clone, IntoEvent)]
#[serde(rename_all_fields = "camelCase", tag = "type", rename_all = "UPPERCASE")]
enum Attributed {
    Fields {
        two_words: u8,
        #[serde(rename = "other")]
        one: u8,
        #[serde(skip)]
        #[allow(dead_code)]
        hidden: Unserializable,
        #[serde(skip_serializing_if = "Option::is_none")]
        perhaps: Option<u8>,
        #[serde(default, skip_serializing_if = "is_default")]
        zero: u32,
        #[serde(serialize_with = "shout")]
        loud: String,
        #[serde(with = "in_seconds")]
        time: Duration,
        #[serde(flatten)]
        rest: BTreeMap<&'static str, u8>,
    },
    #[serde(rename_all = "SCREAMING-KEBAB-CASE", alias = "x")]
    Variant {
        two_words: u8,
    },
    Payload(#[serde(with = "in_seconds")] Duration),
    #[serde(serialize_with = "pair")]
    Pair(u8, u8),
    #[serde(rename = "elsewhere", skip)]
    Skipped {
        x: u8,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn pair<S: Serializer>(first: &u8, second: &u8, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{first}-{second}"))
}

/// A type without `Serialize` or `Display`.
#[derive(Clone, Copy)]
pub(super) struct Unserializable;

#[test]
fn serdes_attributes_mean_what_they_mean_to_serde() {
    let fields = |perhaps, zero| Attributed::Fields {
        two_words: 1,
        one: 2,
        hidden: Unserializable,
        perhaps,
        zero,
        loud: "a".into(),
        time: Duration::from_millis(3999),
        rest: BTreeMap::from([("more", 5)]),
    };
    let expected = "event: fields\ndata: {\"twoWords\":1,\"other\":2,\"loud\":\"A\",\"time\":3,\"more\":5}\n\n";
    assert_eq!(wire(&fields(None, 0)), expected);
    let expected = "event: fields\ndata: {\"twoWords\":1,\"other\":2,\"perhaps\":7,\"zero\":8,\"loud\":\"A\",\"time\":3,\"more\":5}\n\n";
    assert_eq!(wire(&fields(Some(7), 8)), expected);
    assert_eq!(wire(&Attributed::Variant { two_words: 1 }), "event: variant\ndata: {\"TWO-WORDS\":1}\n\n");
    assert_eq!(wire(&Attributed::Payload(Duration::from_secs(4))), "event: payload\ndata: 4\n\n");
    assert_eq!(wire(&Attributed::Pair(1, 2)), "event: pair\ndata: \"1-2\"\n\n");
    assert_eq!(wire(&Attributed::Skipped { x: 1 }), "event: skipped\ndata: {\"x\":1}\n\n");
}

#[test]
fn serdes_attributes_of_a_struct_mean_the_same() {
    #[derive(Clone, IntoEvent)]
    #[serde(tag = "type", rename_all = "camelCase")]
    struct Tagged {
        two_words: u8,
    }
    #[derive(Clone, IntoEvent)]
    #[serde(transparent)]
    struct Transparent {
        #[event(id)]
        id: u8,
        value: u8,
    }
    #[derive(Clone, IntoEvent)]
    struct Beside(#[event(id)] u8, #[serde(with = "in_seconds")] Duration);
    #[derive(Clone, IntoEvent)]
    #[serde(into = "String")]
    struct Into(u8);
    impl From<Into> for String {
        fn from(value: Into) -> Self {
            format!("<{}>", value.0)
        }
    }
    assert_eq!(wire(&Tagged { two_words: 1 }), "event: tagged\ndata: {\"type\":\"Tagged\",\"twoWords\":1}\n\n");
    assert_eq!(wire(&Transparent { id: 1, value: 2 }), "id: 1\nevent: transparent\ndata: 2\n\n");
    assert_eq!(wire(&Beside(1, Duration::from_secs(2))), "id: 1\nevent: beside\ndata: 2\n\n");
    assert_eq!(wire(&Into(1)), "event: into\ndata: \"<1>\"\n\n");
}

/// One type, in the responses of an API and in its stream.
#[test]
fn a_type_can_derive_serialize_as_well() {
    #[derive(Clone, Serialize, IntoEvent)]
    #[serde(tag = "type", rename_all = "snake_case")]
    enum Both {
        TextDelta { text: &'static str },
    }
    let value = Both::TextDelta { text: "a" };
    assert_eq!(serde_json::to_string(&value).unwrap(), r#"{"type":"text_delta","text":"a"}"#);
    assert_eq!(wire(&value), "event: text-delta\ndata: {\"text\":\"a\"}\n\n");
}
