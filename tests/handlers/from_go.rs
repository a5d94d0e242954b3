//! The programs of `docs/from-go.md` run, and match the text there.

#![allow(missing_docs, reason = "the programs stand in the guide, which explains them")]

use std::time::Duration;

use tokio::time::{Instant, sleep};
use touka::testing::TestApp;
use touka::{CloseReason, Event, EventStream};

#[path = "from_go/callback.rs"]
mod callback;
#[path = "from_go/channel.rs"]
mod channel;

const GUIDE: &str = include_str!("../../docs/from-go.md");

#[test]
fn the_guide_shows_these_programs() {
    for program in [include_str!("from_go/callback.rs"), include_str!("from_go/channel.rs")] {
        assert!(GUIDE.contains(program.trim()), "docs/from-go.md does not have this program:\n{program}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_callback_program_ticks() {
    let app = TestApp::new(callback::app());
    let mut events = app.get("/ticks").events().await;
    let start = Instant::now();
    for _ in 0..10 {
        let event = events.next_event().await.expect("a tick");
        assert_eq!((event.name.as_str(), event.data.as_str()), ("tick", "the time has come"));
    }
    assert_eq!(start.elapsed().as_secs(), 18, "every two seconds");
    drop(events);
    app.assert_nothing_left().await;
}

#[tokio::test(start_paused = true)]
async fn the_channel_program_sends_from_both_sources_and_ends() {
    let app = TestApp::new(channel::app());
    let events = app.get("/news").events().await.rest().within(Duration::from_mins(1)).await;
    for name in ["weather", "sports"] {
        let of_it: Vec<&str> =
            events.iter().filter(|event| event.name == name).map(|event| event.data.as_str()).collect();
        let expected: Vec<String> = (1..=5).map(|number| format!("{name} {number}")).collect();
        assert_eq!(of_it, expected);
    }
    assert_eq!(events.len(), 10);
    app.assert_nothing_left().await;
}

/// The guide's first best practice: a client's disconnect stops the work, in both modes.
#[tokio::test(start_paused = true)]
async fn a_disconnect_stops_the_work() {
    for (app, path) in [(callback::app(), "/ticks"), (channel::app(), "/news")] {
        let app = TestApp::new(app);
        let mut events = app.get(path).events().await;
        events.next_event().await.expect("an event");
        events.disconnect();
        app.assert_nothing_left().await;
    }
}

/// The guide's table of the wire: Go's `Render` and `encode` with the same event.
#[test]
fn the_guides_wire_table_is_true() {
    for (event, wire) in [
        (Event::data("a\r\nb\rc"), "data: a\ndata: b\ndata: c\n\n"),
        (Event::data(""), "data: \n\n"),
        (
            Event::data("x").event("tick").id("7").retry(Duration::from_secs(3)),
            "retry: 3000\nid: 7\nevent: tick\ndata: x\n\n",
        ),
    ] {
        assert_eq!(event.to_string(), wire);
    }
    assert!(touka::EventName::new("two\nlines").is_err());
}

/// Replacements of the error channel and of `Context().Done()`.
#[tokio::test(start_paused = true)]
async fn a_sender_can_read_why_it_should_stop() {
    let (events, stream) = EventStream::<Event>::channel(1);
    let waits = tokio::spawn({
        let events = events.clone();
        async move { events.closed().await }
    });
    sleep(Duration::from_secs(1)).await;
    drop(stream);
    assert_eq!(waits.await.expect("no panic"), CloseReason::Disconnected);
    assert!(events.send("late").await.is_err());
}
