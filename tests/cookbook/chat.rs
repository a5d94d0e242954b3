use std::str::FromStr;

use serde::Deserialize;
use touka::extract::{Json, LastEventId, State};
use touka::response::{Result, StatusCode};
use touka::topic::Retention;
use touka::{EventStream, Hub, IntoEvent, Router, route, routes};

/// The events of a room, and their names: `joined`, `said` and `left`.
#[derive(IntoEvent)]
enum RoomEvent {
    Joined { nick: String, present: usize },
    Said { nick: String, text: String },
    Left { nick: String, present: usize },
}

/// The name of a room, of small letters. Each name is a topic, so clients cannot choose any text.
struct Room(String);

impl FromStr for Room {
    type Err = &'static str;

    /// An error is the reason of a 400.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let is_valid = (1..=20).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_lowercase());
        is_valid.then(|| Self(name.to_owned())).ok_or("a room has 1 to 20 small letters")
    }
}

/// Enters a room: the recent events, or those after the client's last one, and then new ones.
#[route(GET, "/rooms/{room}?{nick}")]
async fn enter(State(hub): State<Hub>, room: Room, nick: String, from: LastEventId) -> Result<EventStream<RoomEvent>> {
    let topic = hub.topic(room.0)?;
    topic.publish(RoomEvent::Joined { nick: nick.clone(), present: topic.subscribers() + 1 }).await?;
    let stream = topic.subscribe(from).earliest().await?;
    Ok(stream.on_close(move |_reason| {
        // A destructor calls this, and cannot await.
        tokio::spawn(async move { topic.publish(RoomEvent::Left { nick, present: topic.subscribers() }).await });
    }))
}

#[derive(Deserialize)]
struct Message {
    nick: String,
    text: String,
}

#[route(POST, "/rooms/{room}")]
async fn say(State(hub): State<Hub>, room: Room, Json(message): Json<Message>) -> Result<StatusCode> {
    let Message { nick, text } = message;
    // Unlike `topic`, `get` creates no room.
    let topic = hub.get::<RoomEvent>(room.0).await?.ok_or(StatusCode::NOT_FOUND)?;
    topic.publish(RoomEvent::Said { nick, text }).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) fn app() -> Router {
    let hub = Hub::builder().retention(Retention::new().events(100)).memory();
    Router::new().mount(routes![enter, say]).with_state(hub)
}
