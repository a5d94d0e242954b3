//! The bytes of a stream, and when they are sent.

use std::time::Duration;

use touka::Event;

use crate::form::Form;
use crate::run::run;
use crate::scene::Scene;

in_each_form!(run; the_head_has_these_fields, events_have_these_bytes, each_event_arrives_before_the_next_exists, a_stream_ends_cleanly);

/// The head arrives without an event, and has no field twice.
async fn the_head_has_these_fields(form: Form) {
    let scene = Scene::new(form).await;
    let reader = scene.open().await;
    let expected = [
        ("content-type", Some("text/event-stream")),
        ("cache-control", Some("no-cache, no-transform")),
        ("x-accel-buffering", Some("no")),
        ("transfer-encoding", form.transfer_encoding()),
        ("content-length", None),
        ("content-encoding", None),
    ];
    for (name, value) in expected {
        assert_eq!(reader.head.field(name), value, "{name}");
    }
    assert!(reader.head.field("date").is_some());
    // A subscription opens with the client's position, a body with nothing.
    let position = reader.position.as_deref();
    assert_eq!(position.is_some(), form.follows_a_topic());
    assert!(position.is_none_or(|position| position.ends_with(".0.000000\n\n")), "{position:?}");
}

/// Every field, several lines, an id, multi-byte text, and an event that is larger than a frame.
fn events() -> Vec<Event> {
    vec![
        Event::data("line 1\nline 2").event("e").id("i").retry(Duration::from_secs(2)).comment("c"),
        Event::data("plain"),
        Event::data(""),
        Event::data("a\r\nb\rc\n\nd\n").id(7u64),
        Event::data(" leading: é 水 🦀").event("note"),
        Event::data("x".repeat(100_000)).id("large"),
        Event::data("last"),
    ]
}

/// The bytes of this event on the wire, written by hand.
fn by_hand(event: &Event, wire: &str) -> Option<&'static str> {
    let written = match event.as_data()? {
        "line 1\nline 2" => ": c\nretry: 2000\nid: i\nevent: e\ndata: line 1\ndata: line 2\n\n",
        "plain" => "data: plain\n\n",
        "a\r\nb\rc\n\nd\n" => "id: 7\ndata: a\ndata: b\ndata: c\ndata: \ndata: d\ndata: \n\n",
        _ => return None,
    };
    // A topic sets an id of its own.
    (!wire.contains("id: 1.")).then_some(written)
}

async fn events_have_these_bytes(form: Form) {
    let scene = Scene::new(form).await;
    let mut reader = scene.open().await;
    // One by one, and then all at once.
    for event in events() {
        let wire = scene.emit(event.clone()).await;
        if let Some(written) = by_hand(&event, &wire) {
            assert_eq!(wire, written);
        }
        reader.expects(&wire).await;
    }
    let mut all = String::new();
    for event in events() {
        all += &scene.emit(event).await;
    }
    reader.expects(&all).await;
}

/// The next event is not emitted until the client has this one.
async fn each_event_arrives_before_the_next_exists(form: Form) {
    let scene = Scene::new(form).await;
    let mut reader = scene.open().await;
    for number in 0..20 {
        let wire = scene.emit(number.to_string()).await;
        reader.expects(&wire).await;
    }
}

/// With the last chunk, with `END_STREAM`, or with the end of the connection if there is neither.
async fn a_stream_ends_cleanly(form: Form) {
    let scene = Scene::new(form).await;
    let mut reader = scene.open_one_that_ends().await;
    let wire = scene.emit("only").await;
    reader.expects(&wire).await;
    scene.end();
    reader.ends().await;
    scene.is_empty().await;
}
