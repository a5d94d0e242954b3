//! `#[derive(IntoEvent)]`: the wire form of each kind of type.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::time::Duration;

use bytes::BytesMut;
use http_body_util::BodyExt;
use proptest::prelude::*;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use touka::{EventId, EventStream, IntoEvent, sse_handler};

/// The wire form of a value, which must be that of its event.
#[track_caller]
fn wire<T: IntoEvent + Clone>(value: &T) -> String {
    wire_of(|| value.clone())
}

/// The wire form of a value whose type has no `Clone`.
#[track_caller]
fn wire_of<T: IntoEvent>(value: impl Fn() -> T) -> String {
    let mut straight = BytesMut::from("data: before\n\n");
    value().encode_into(&mut straight).expect("encodable");
    let mut by_event = BytesMut::from("data: before\n\n");
    value().into_event().expect("encodable").encode(&mut by_event);
    assert_eq!(straight, by_event);
    let text = String::from_utf8(straight.to_vec()).expect("UTF-8");
    text.strip_prefix("data: before\n\n").expect("what was there stays").to_owned()
}

/// The error of a value that cannot be sent: it fails in both ways, and writes nothing.
#[track_caller]
fn refused<T: IntoEvent + Clone>(value: &T) -> touka::Error {
    let mut buf = BytesMut::from("data: before\n\n");
    value.clone().encode_into(&mut buf).expect_err("not encodable");
    assert_eq!(buf, "data: before\n\n");
    value.clone().into_event().expect_err("not encodable")
}

#[derive(Clone, Serialize)]
struct Usage {
    input: u32,
    output: u32,
}

// ===== the forms =====

#[derive(Clone, IntoEvent)]
enum Chat {
    Token {
        text: String,
    },
    #[event(name = "tokens used")]
    Usage(Usage),
    Moved {
        #[event(id)]
        seq: u64,
        x: f64,
        y: f64,
    },
    Pair(u8, String),
    TurnIsOver,
    Nothing {},
    #[event(data = "text")]
    Line(String),
}

#[test]
fn each_form_of_a_variant() {
    assert_eq!(wire(&Chat::Token { text: "a\n\"b".into() }), "event: token\ndata: {\"text\":\"a\\n\\\"b\"}\n\n");
    let usage = Usage { input: 3, output: 5 };
    assert_eq!(wire(&Chat::Usage(usage)), "event: tokens used\ndata: {\"input\":3,\"output\":5}\n\n");
    let moved = Chat::Moved { seq: 9, x: 1.5, y: -2.0 };
    assert_eq!(wire(&moved), "id: 9\nevent: moved\ndata: {\"x\":1.5,\"y\":-2.0}\n\n");
    assert_eq!(wire(&Chat::Pair(1, "b".into())), "event: pair\ndata: [1,\"b\"]\n\n");
    assert_eq!(wire(&Chat::TurnIsOver), "event: turn-is-over\ndata: \n\n");
    assert_eq!(wire(&Chat::Nothing {}), "event: nothing\ndata: {}\n\n");
    assert_eq!(wire(&Chat::Line("a\r\nb\n".into())), "event: line\ndata: a\ndata: b\ndata: \n\n");
}

#[test]
fn each_form_of_a_struct() {
    #[derive(Clone, IntoEvent)]
    struct CpuLoad {
        percent: u8,
    }
    #[derive(Clone, IntoEvent)]
    struct Scores(Vec<u8>);
    #[derive(Clone, IntoEvent)]
    struct Point(u8, u8);
    #[derive(Clone, IntoEvent)]
    struct Bell;
    #[derive(Clone, IntoEvent)]
    #[event(name = "log", data = "text")]
    struct Line<'a> {
        #[event(id)]
        number: u32,
        text: &'a str,
    }
    assert_eq!(wire(&CpuLoad { percent: 7 }), "event: cpu-load\ndata: {\"percent\":7}\n\n");
    assert_eq!(wire(&Scores(vec![1, 2])), "event: scores\ndata: [1,2]\n\n");
    assert_eq!(wire(&Point(1, 2)), "event: point\ndata: [1,2]\n\n");
    assert_eq!(wire(&Bell), "event: bell\ndata: \n\n");
    assert_eq!(wire(&Line { number: 4, text: " x" }), "id: 4\nevent: log\ndata:  x\n\n");
}

#[test]
fn an_event_named_message_has_no_name() {
    #[derive(Clone, IntoEvent)]
    enum Completion {
        #[event(name = "message")]
        Chunk { delta: &'static str },
        #[event(name = "message", data = "text")]
        Done(&'static str),
    }
    assert_eq!(wire(&Completion::Chunk { delta: "a" }), "data: {\"delta\":\"a\"}\n\n");
    assert_eq!(wire(&Completion::Done("[DONE]")), "data: [DONE]\n\n");
}

#[test]
fn names_follow_the_attributes() {
    #[derive(Clone, IntoEvent)]
    #[event(rename_all = "SCREAMING_SNAKE_CASE")]
    enum Loud {
        DoorOpened,
        #[event(name = "error")]
        Error,
        r#Loop,
    }
    assert_eq!(wire(&Loud::DoorOpened), "event: DOOR_OPENED\ndata: \n\n");
    assert_eq!(wire(&Loud::Error), "event: error\ndata: \n\n");
    assert_eq!(wire(&Loud::r#Loop), "event: LOOP\ndata: \n\n");

    #[derive(Clone, IntoEvent)]
    #[allow(non_camel_case_types)]
    struct r#struct(u8);
    assert_eq!(wire(&r#struct(1)), "event: struct\ndata: 1\n\n");
}

// ===== id and retry =====

#[derive(Clone, IntoEvent)]
enum Marked {
    Alone(#[event(id)] u64),
    WithOne(#[event(id)] i128, Usage),
    WithTwo(u8, #[event(id)] String, u8),
    Only {
        #[event(id)]
        id: EventId,
    },
    Perhaps {
        #[event(retry)]
        delay: Option<Duration>,
        #[event(id)]
        id: Option<String>,
        rest: u8,
    },
    #[event(data = "text")]
    Text(#[event(id)] char, #[event(retry)] Duration, u8),
}

#[test]
fn an_id_field_is_not_in_the_data() {
    assert_eq!(wire(&Marked::Alone(7)), "id: 7\nevent: alone\ndata: \n\n");
    let usage = Usage { input: 1, output: 2 };
    let id = i128::MIN;
    assert_eq!(
        wire(&Marked::WithOne(id, usage)),
        format!("id: {id}\nevent: with-one\ndata: {{\"input\":1,\"output\":2}}\n\n")
    );
    assert_eq!(wire(&Marked::WithTwo(1, "a b".into(), 2)), "id: a b\nevent: with-two\ndata: [1,2]\n\n");
    assert_eq!(wire(&Marked::Only { id: 3.into() }), "id: 3\nevent: only\ndata: {}\n\n");
    assert_eq!(
        wire(&Marked::Text('x', Duration::from_millis(1500), 9)),
        "retry: 1500\nid: x\nevent: text\ndata: 9\n\n"
    );
}

#[test]
fn an_empty_option_has_no_line() {
    let none = Marked::Perhaps { delay: None, id: None, rest: 1 };
    assert_eq!(wire(&none), "event: perhaps\ndata: {\"rest\":1}\n\n");
    let some = Marked::Perhaps { delay: Some(Duration::from_secs(1)), id: Some("a".into()), rest: 1 };
    assert_eq!(wire(&some), "retry: 1000\nid: a\nevent: perhaps\ndata: {\"rest\":1}\n\n");
}

#[test]
fn an_id_that_would_break_the_wire_is_an_error() {
    for id in ["", "a\nb", "\0", " a", &"x".repeat(257)] {
        let error = refused(&Marked::WithTwo(1, id.into(), 2));
        assert!(error.is_field(), "{error}");
    }
}

// ===== serde's attributes =====

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
struct Unserializable;

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

// ===== generics =====

trait Shape {
    type Size;
}

struct Square;

impl Shape for Square {
    type Size = u8;
}

#[derive(IntoEvent)]
enum Generic<'a, T, D: ?Sized, S: Shape, P, const N: usize = 2>
where
    D: ToOwned,
{
    Lone(Vec<T>),
    Named {
        #[event(id)]
        id: &'a D,
        value: Option<T>,
        rest: [u8; 2],
    },
    Associated {
        size: S::Size,
        #[serde(skip)]
        #[allow(dead_code)]
        ids: [u8; N],
    },
    #[event(data = "text")]
    Text(&'a D),
    Phantom(PhantomData<P>),
}

#[test]
fn generic_types_need_bounds_for_what_they_send() {
    type Concrete<'a> = Generic<'a, u8, str, Square, Unserializable>;
    assert_eq!(wire_of(|| Concrete::Lone(vec![1])), "event: lone\ndata: [1]\n\n");
    let named = || Concrete::Named { id: "a", value: None, rest: [1, 2] };
    assert_eq!(wire_of(named), "id: a\nevent: named\ndata: {\"value\":null,\"rest\":[1,2]}\n\n");
    assert_eq!(wire_of(|| Concrete::Associated { size: 4, ids: [1, 2] }), "event: associated\ndata: {\"size\":4}\n\n");
    assert_eq!(wire_of(|| Concrete::Text("x")), "event: text\ndata: x\n\n");
    assert_eq!(wire_of(|| Concrete::Phantom(PhantomData)), "event: phantom\ndata: null\n\n");
}

#[test]
fn bounds_can_be_given() {
    #[derive(Clone, IntoEvent)]
    #[serde(bound(serialize = "T: Display", deserialize = ""))]
    struct Shown<T> {
        #[serde(serialize_with = "as_text")]
        value: T,
    }
    fn as_text<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }
    assert_eq!(wire(&Shown { value: 7 }), "event: shown\ndata: {\"value\":\"7\"}\n\n");
}

#[test]
fn a_type_can_be_recursive() {
    #[derive(Clone, Serialize, IntoEvent)]
    struct Tree {
        leaf: u8,
        more: Vec<Self>,
    }
    let tree = Tree { leaf: 1, more: vec![Tree { leaf: 2, more: Vec::new() }] };
    assert_eq!(wire(&tree), "event: tree\ndata: {\"leaf\":1,\"more\":[{\"leaf\":2,\"more\":[]}]}\n\n");
}

#[test]
fn a_type_without_values_compiles() {
    #[derive(Clone, IntoEvent)]
    enum Never {}
    fn is_event<T: IntoEvent>() {}
    is_event::<Never>();
}

#[test]
fn touka_can_be_at_another_path() {
    mod mine {
        pub(super) use touka;
    }
    #[derive(Clone, IntoEvent)]
    #[event(crate = mine::touka)]
    struct Here {
        x: u8,
    }
    assert_eq!(wire(&Here { x: 1 }), "event: here\ndata: {\"x\":1}\n\n");
}

// ===== errors =====

#[derive(Clone)]
struct Failing(&'static str);

impl Serialize for Failing {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom(self.0))
    }
}

impl Display for Failing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)?;
        Err(fmt::Error)
    }
}

#[derive(Clone, IntoEvent)]
enum Fails {
    Lone(Failing),
    Late {
        text: String,
        unsteady: Failing,
    },
    Unkeyed {
        map: BTreeMap<(u8, u8), u8>,
    },
    #[event(data = "text")]
    Text(Failing),
    Id(#[event(id)] Failing),
    Panics(#[serde(serialize_with = "panics")] u8),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn panics<S: Serializer>(_: &u8, _: S) -> Result<S::Ok, S::Error> {
    panic!("in the user's own code")
}

#[test]
fn an_unserializable_value_is_an_error_and_writes_nothing() {
    let late = Fails::Late { text: "a".repeat(10_000), unsteady: Failing("x") };
    let unkeyed = Fails::Unkeyed { map: BTreeMap::from([((1, 2), 3)]) };
    for value in [Fails::Lone(Failing("x")), late, unkeyed, Fails::Text(Failing("x")), Fails::Id(Failing("x"))] {
        let error = refused(&value);
        assert!(error.is_serialize(), "{error}");
    }
}

#[tokio::test]
async fn an_unserializable_event_ends_its_stream_after_earlier_ones() {
    #[sse_handler]
    async fn failing(with: Fails) -> EventStream<Mixed> {
        emit!(Mixed::Fine { x: 1 });
        emit!(Mixed::Bad(Held(with)));
        emit!(Mixed::Fine { x: 2 });
    }
    for with in [Fails::Lone(Failing("secret")), Fails::Panics(1)] {
        let stream = failing(with).await;
        let body = axum_core::response::IntoResponse::into_response(stream).into_body().collect().await.unwrap();
        let text = String::from_utf8(body.to_bytes().to_vec()).unwrap();
        let (before, after) = text.split_at("event: fine\ndata: {\"x\":1}\n\n".len());
        assert_eq!(before, "event: fine\ndata: {\"x\":1}\n\n");
        assert!(after.starts_with("event: error\n"), "{after}");
        assert!(!after.contains("secret") && !after.contains("bad"), "{after}");
    }
}

/// The events of the stream above.
#[derive(IntoEvent)]
enum Mixed {
    Fine { x: u8 },
    Bad(Held),
}

/// Serializes like the event it holds.
struct Held(Fails);

impl Serialize for Held {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let event = self.0.clone().into_event().map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(event.as_data().unwrap_or_default())
    }
}

// ===== raw JSON =====

#[test]
fn raw_json_of_several_lines_becomes_one() {
    #[derive(Clone, IntoEvent)]
    enum Raw {
        Lone(Box<RawValue>),
        Named { json: Box<RawValue> },
    }
    let json = RawValue::from_string("{\r\n  \"a\":\t1\n}".into()).expect("valid JSON");
    assert_eq!(wire(&Raw::Lone(json.clone())), "event: lone\ndata: {    \"a\":\t1 }\n\n");
    assert_eq!(wire(&Raw::Named { json }), "event: named\ndata: {\"json\":{    \"a\":\t1 }}\n\n");
}

// ===== both ways agree =====

fn name() -> impl Strategy<Value = String> {
    "[a-z\\r\\n\u{0}\u{feff}\u{2028} é]{0,12}"
}

#[derive(Clone, Debug, IntoEvent)]
enum Any {
    Unit,
    #[event(data = "text")]
    Text(#[event(id)] Option<u64>, String),
    Lone(#[event(id)] i64, Vec<Option<String>>),
    Named {
        #[event(retry)]
        retry: Option<Duration>,
        #[event(id)]
        id: String,
        map: BTreeMap<String, i8>,
        float: f64,
    },
}

fn any_value() -> impl Strategy<Value = Any> {
    prop_oneof![
        Just(Any::Unit),
        (any::<Option<u64>>(), name()).prop_map(|(id, text)| Any::Text(id, text)),
        (any::<i64>(), prop::collection::vec(prop::option::of(name()), 0..4))
            .prop_map(|(id, list)| Any::Lone(id, list)),
        (any::<Option<Duration>>(), name(), prop::collection::btree_map(name(), any::<i8>(), 0..3), any::<f64>())
            .prop_map(|(retry, id, map, float)| Any::Named { retry, id, map, float }),
    ]
}

proptest! {
    #[test]
    fn direct_encoding_equals_encoding_through_an_event(values in prop::collection::vec(any_value(), 1..5)) {
        let mut straight = BytesMut::new();
        let mut by_event = BytesMut::new();
        for value in values {
            let (direct, event) = (value.clone().encode_into(&mut straight), value.into_event());
            prop_assert_eq!(direct.is_ok(), event.is_ok());
            if let Ok(event) = event {
                event.encode(&mut by_event);
            }
            prop_assert_eq!(&straight, &by_event);
        }
    }
}
