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
//! A topic for each room: a client that enters gets the recent messages, and one that reconnects gets those that
//! it has missed. The clients that are present are the topic's subscribers. Messages are sent with a plain POST.
//! `page.html` is the page.

use std::error::Error;

use http::StatusCode;
use serde::Deserialize;
use touka::extract::{Json, LastEventId, State};
use touka::response::Result;
use touka::topic::Retention;
use touka::{EventStream, Hub, IntoEvent, Router, route, routes};
use touka_examples::{Page, begin, page};

/// The number of events that a room keeps for clients that enter or reconnect.
const HISTORY: usize = 50;

/// The maximum length of a room's or a person's name, in characters.
const LONGEST_NAME: usize = 32;

/// The maximum length of a text, in characters.
const LONGEST_TEXT: usize = 2_000;

/// The page.
#[route(GET, "/")]
async fn index() -> Page {
    page(include_str!("page.html"))
}

/// An event of a room.
#[derive(IntoEvent)]
enum RoomEvent {
    Joined { nick: String, present: usize },
    Said { nick: String, text: String },
    Left { nick: String, present: usize },
}

/// Enters a room: recent events, or those since the client's last one, and then new ones.
#[route(GET, "/rooms/{room}?{nick}")]
async fn listen(
    room: String,
    nick: String,
    State(hub): State<Hub>,
    from: LastEventId,
) -> Result<EventStream<RoomEvent>> {
    let (room, nick) = (name("room", &room)?, name("nick", &nick)?.to_owned());
    let topic = hub.topic(room)?;
    // Published first: in a full room it takes the place of the oldest event, with which the stream would begin.
    topic.publish(RoomEvent::Joined { nick: nick.clone(), present: topic.subscribers() + 1 }).await?;
    let stream = topic.subscribe(from).earliest().await?;
    Ok(stream.on_close(move |_reason| {
        // A destructor calls this, and cannot await.
        tokio::spawn(async move { topic.publish(RoomEvent::Left { nick, present: topic.subscribers() }).await });
    }))
}

/// The body of a message.
#[derive(Deserialize)]
struct NewMessage {
    nick: String,
    text: String,
}

/// Posts a message to a room that has been entered: a POST creates no room.
#[route(POST, "/rooms/{room}")]
async fn say(room: String, State(hub): State<Hub>, Json(message): Json<NewMessage>) -> Result<StatusCode> {
    let (room, nick) = (name("room", &room)?, name("nick", &message.nick)?.to_owned());
    let text = within("text", &message.text, LONGEST_TEXT)?.to_owned();
    let topic = hub.get::<RoomEvent>(room).await?;
    let topic = topic.ok_or_else(|| (StatusCode::NOT_FOUND, format!("there is no room {room}\n")))?;
    topic.publish(RoomEvent::Said { nick, text }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The status and the reason of an error response.
type Refused = (StatusCode, String);

fn name<'a>(what: &str, name: &'a str) -> Result<&'a str, Refused> {
    within(what, name, LONGEST_NAME)
}

fn within<'a>(what: &str, text: &'a str, longest: usize) -> Result<&'a str, Refused> {
    let text = text.trim();
    let reason = match text.chars().count() {
        0 => format!("the {what} is empty\n"),
        length if length > longest => format!("the {what} is longer than {longest} characters\n"),
        _ => return Ok(text),
    };
    Err((StatusCode::UNPROCESSABLE_ENTITY, reason))
}

fn app() -> Router {
    let hub = Hub::builder().retention(Retention::new().events(HISTORY)).memory();
    Router::new().mount(routes![index, listen, say]).with_state(hub)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let app = app();
    let listener = begin("chat", app.routes()).await?;
    Ok(app.serve(listener).await?)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use touka::testing::{Events, TestApp};

    use super::*;

    fn chat() -> TestApp {
        TestApp::new(app())
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

    fn said(nick: &str, text: &str) -> (String, Value) {
        ("said".to_owned(), json!({"nick": nick, "text": text}))
    }

    fn left(nick: &str, present: usize) -> (String, Value) {
        ("left".to_owned(), json!({"nick": nick, "present": present}))
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
            assert_eq!(next(events).await, said("ben", "hello\nyou"));
        }
        ben.disconnect();
        assert_eq!(next(&mut ada).await, left("ben", 1));
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
        let mut ben = enter(&app, "den", "ben").await;
        let mut ada = enter(&app, "den", "ada").await;
        assert_eq!(next(&mut ada).await, joined("ben", 1));
        assert_eq!(next(&mut ada).await, joined("ada", 2));
        let last = ada.last_event_id();
        ada.disconnect();
        for present in [joined("ben", 1), joined("ada", 2), left("ada", 1)] {
            assert_eq!(next(&mut ben).await, present);
        }
        tell(&app, "den", "ben", "meanwhile").await;
        let mut ada = app.get("/rooms/den?nick=ada").header("last-event-id", last).events().await;
        for missed in [left("ada", 1), said("ben", "meanwhile"), joined("ada", 2)] {
            assert_eq!(next(&mut ada).await, missed);
        }
        ada.assert_pending().await;

        let mut lost = app.get("/rooms/den?nick=cy").header("last-event-id", "1.another0.7.000000").events().await;
        let (name, gap) = next(&mut lost).await;
        assert_eq!((name.as_str(), &gap["reason"]), ("gap", &json!("foreign")), "the id of an earlier server");
        assert_eq!(next(&mut lost).await, joined("ben", 1), "and then the room's history");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_is_too_slow_comes_back_to_a_gap() {
        let app = chat();
        let mut slow = enter(&app, "den", "slow").await;
        assert_eq!(next(&mut slow).await, joined("slow", 1));
        slow.stall();
        // Far more than the pipe and the topic hold together.
        let long = "x".repeat(LONGEST_TEXT);
        for _ in 0..HISTORY * 4 {
            assert_eq!(tell(&app, "den", "fast", &long).await, 204, "the room was delayed");
        }
        slow.resume();
        while let Some(event) = slow.next_event().await {
            assert_eq!((event.name.as_str(), event.json()), ("said", said("fast", &long).1));
        }
        let mut slow = slow.reconnect().await.expect("the room exists");
        let (name, gap) = next(&mut slow).await;
        assert_eq!((name.as_str(), &gap["reason"]), ("gap", &json!("trimmed")));
        assert_eq!(next(&mut slow).await, said("fast", &long), "and then what the room has kept");
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
