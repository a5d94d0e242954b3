//! Forms of variants and structs, names, and raw JSON.

use serde_json::value::RawValue;
use touka::IntoEvent;

use super::{Usage, wire};

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
