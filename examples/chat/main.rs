//! Chat rooms.
//!
//! ```text
//! cargo run --example chat                            # then open http://127.0.0.1:3000 twice
//! cargo run --example chat -- 0.0.0.0:8080            # another address
//! curl -N 'http://127.0.0.1:3000/rooms/den?nick=ada'  # be in a room
//! curl http://127.0.0.1:3000/rooms/den -H 'content-type: application/json' \
//!   -d '{"nick": "ben", "text": "hello"}'             # post a message there
//! ```
//!
//! Many clients, one source: a broadcast channel for each room, with a short history for clients that
//! reconnect, and a `missed` event for clients that are too slow. Messages are sent with a plain POST.
//! [`room`] has the rooms, `page.html` the page.

mod room;

use std::error::Error;
use std::sync::Arc;

use http::StatusCode;
use room::{Message, Rooms};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use touka::extract::{Json, LastEventId, Query, State};
use touka::{Event, EventStream, IntoEvent, Router, route, routes, sse_handler};
use touka_examples::{Page, begin, page};

/// The maximum length of a room's or a person's name, in characters.
const LONGEST_NAME: usize = 32;

/// The maximum length of a text, in characters.
const LONGEST_TEXT: usize = 2_000;

/// The page.
#[route(GET, "/")]
async fn index() -> Page {
    page(include_str!("page.html"))
}

/// The query of a client that enters a room.
#[derive(Deserialize)]
struct Visitor {
    nick: String,
}

/// An event for a client in a room.
enum RoomEvent {
    Message(Arc<Message>),
    Missed(Missed),
}

/// Messages that this client has lost.
#[derive(Serialize)]
struct Missed {
    /// The number of lost messages; unknown after a long absence.
    count: Option<u64>,
}

impl IntoEvent for RoomEvent {
    fn into_event(self) -> touka::Result<Event> {
        match self {
            Self::Message(message) => message.to_event(),
            // Without an id: the client's position is unchanged.
            Self::Missed(missed) => Ok(Event::json(&missed)?.event("missed")),
        }
    }
}

/// Follows a room: recent messages, or those since the client's last one, and then new ones.
#[sse_handler]
#[route(GET, "/rooms/{room}")]
async fn listen(
    room: String,
    Query(Visitor { nick }): Query<Visitor>,
    State(rooms): State<Rooms>,
    LastEventId(last): LastEventId,
) -> Result<EventStream<RoomEvent>, Refused> {
    let (room, nick) = (name("room", &room)?, name("nick", &nick)?);
    // Dropped when the client disconnects, which leaves the room.
    let mut visit = rooms.enter(room, nick, last.and_then(|id| id.as_u64()));
    if visit.has_gap {
        emit!(RoomEvent::Missed(Missed { count: None }));
    }
    for message in std::mem::take(&mut visit.unseen) {
        emit!(RoomEvent::Message(message));
    }
    loop {
        match visit.news.recv().await {
            Ok(message) => emit!(RoomEvent::Message(message)),
            // A client that reads slowly must not delay the room, nor fill the server's memory.
            Err(RecvError::Lagged(count)) => emit!(RoomEvent::Missed(Missed { count: Some(count) })),
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}

/// The body of a message.
#[derive(Deserialize)]
struct NewMessage {
    nick: String,
    text: String,
}

/// Posts a message to a room.
#[route(POST, "/rooms/{room}")]
async fn say(room: String, State(rooms): State<Rooms>, Json(message): Json<NewMessage>) -> Result<StatusCode, Refused> {
    let (room, nick) = (name("room", &room)?, name("nick", &message.nick)?);
    let text = within("text", &message.text, LONGEST_TEXT)?;
    if rooms.say(room, nick, text) {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err((StatusCode::NOT_FOUND, format!("the room {room} is empty\n")))
    }
}

/// The status and the reason of an error response.
type Refused = (StatusCode, String);

fn name<'a>(what: &str, name: &'a str) -> Result<&'a str, Refused> {
    within(what, name, LONGEST_NAME)
}

fn within<'a>(what: &str, text: &'a str, longest: usize) -> Result<&'a str, Refused> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err((StatusCode::UNPROCESSABLE_ENTITY, format!("the {what} is empty\n"))),
        length if length > longest => {
            Err((StatusCode::UNPROCESSABLE_ENTITY, format!("the {what} is longer than {longest} characters\n")))
        }
        _ => Ok(text),
    }
}

fn app(rooms: Rooms) -> Router {
    Router::new().mount(routes![index, listen, say]).with_state(rooms)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let app = app(Rooms::new());
    let listener = begin("chat", app.routes()).await?;
    Ok(app.serve(listener).await?)
}

#[cfg(test)]
mod tests {
    use room::MAX_LAG;
    use serde_json::{Value, json};
    use touka::testing::{Events, TestApp};

    use super::*;

    fn chat() -> TestApp {
        TestApp::new(app(Rooms::new()))
    }

    async fn enter(app: &TestApp, room: &str, nick: &str) -> Events {
        app.get(&format!("/rooms/{room}?nick={nick}")).events().await
    }

    async fn tell(app: &TestApp, room: &str, nick: &str, text: &str) -> StatusCode {
        app.post(&format!("/rooms/{room}")).json(&json!({"nick": nick, "text": text})).send().await.status()
    }

    /// The next event: its name and its data.
    async fn next(events: &mut Events) -> (String, Value) {
        let event = events.next_event().await.expect("a room never ends");
        (event.name.clone(), event.json())
    }

    fn joined(nick: &str, present: usize) -> (String, Value) {
        ("joined".to_owned(), json!({"nick": nick, "present": present}))
    }

    fn said(nick: &str, text: &str, present: usize) -> (String, Value) {
        ("said".to_owned(), json!({"nick": nick, "text": text, "present": present}))
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_sees_joins_messages_and_leaves() {
        let app = chat();
        let mut ada = enter(&app, "den", "ada").await;
        assert_eq!(next(&mut ada).await, joined("ada", 1));
        let mut ben = enter(&app, "den", "ben").await;
        assert_eq!(next(&mut ben).await, joined("ada", 1), "the history");
        assert_eq!(tell(&app, "den", "ben", " hello\nyou ").await, 204);
        for events in [&mut ada, &mut ben] {
            assert_eq!(next(events).await, joined("ben", 2));
            assert_eq!(next(events).await, said("ben", "hello\nyou", 2));
        }
        ben.disconnect();
        assert_eq!(next(&mut ada).await, ("left".to_owned(), json!({"nick": "ben", "present": 1})));
        ada.assert_pending().await;
        ada.disconnect();
        app.assert_nothing_left().await;
    }

    #[tokio::test(start_paused = true)]
    async fn rooms_are_separate() {
        let app = chat();
        let mut den = enter(&app, "den", "ada").await;
        let _hall = enter(&app, "hall", "ben").await;
        assert_eq!(next(&mut den).await, joined("ada", 1));
        assert_eq!(tell(&app, "hall", "ben", "anyone?").await, 204);
        den.assert_pending().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reconnects_gets_the_missed_messages() {
        let app = chat();
        let _ben = enter(&app, "den", "ben").await;
        let mut ada = enter(&app, "den", "ada").await;
        assert_eq!(next(&mut ada).await, joined("ben", 1));
        assert_eq!(next(&mut ada).await, joined("ada", 2));
        tell(&app, "den", "ben", "before").await;
        assert_eq!(next(&mut ada).await, said("ben", "before", 2));
        let mut ada = ada.reconnect().await.expect("the room exists");
        // Her old connection may have closed before or after she reconnected: `left` comes in either case.
        let mut names = Vec::new();
        for _ in 0..2 {
            names.push(next(&mut ada).await.0);
        }
        names.sort_unstable();
        assert_eq!(names, ["joined", "left"], "no message is repeated");

        let mut lost = app.get("/rooms/den?nick=ada").header("last-event-id", "7").events().await;
        assert_eq!(next(&mut lost).await, ("missed".to_owned(), json!({"count": null})));
        assert_eq!(next(&mut lost).await, joined("ben", 1), "and then the room's history");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_client_gets_the_number_of_missed_messages() {
        let app = chat();
        let mut slow = enter(&app, "den", "slow").await;
        assert_eq!(next(&mut slow).await, joined("slow", 1));
        slow.stall();
        // Far more than the pipe, hyper and the channel hold together.
        let long = "x".repeat(LONGEST_TEXT);
        for _ in 0..MAX_LAG * 4 {
            assert_eq!(tell(&app, "den", "fast", &long).await, 204, "the room was delayed");
        }
        slow.resume();
        let mut heard = 0;
        let count = loop {
            let (name, data) = next(&mut slow).await;
            if name == "missed" {
                break data["count"].as_u64().expect("a number");
            }
            heard += 1;
        };
        assert!(count > 0);
        for _ in 0..MAX_LAG as u64 * 4 - heard - count {
            assert_eq!(next(&mut slow).await, said("fast", &long, 1));
        }
        slow.assert_pending().await;
    }

    #[tokio::test(start_paused = true)]
    async fn invalid_input_is_refused() {
        let app = chat();
        assert_eq!(tell(&app, "den", "ada", "anyone?").await, 404);
        let _here = enter(&app, "den", "ada").await;
        assert_eq!(tell(&app, "den", "ada", "  ").await, 422);
        assert_eq!(tell(&app, "den", "", "hello").await, 422);
        assert_eq!(tell(&app, "den", "ada", &"x".repeat(LONGEST_TEXT + 1)).await, 422);
        assert_eq!(app.get("/rooms/den").send().await.status(), 400, "no nick");
        let long = app.get("/rooms/den?nick=123456789012345678901234567890123").send().await;
        assert_eq!(long.text().await, "the nick is longer than 32 characters\n");
    }
}
