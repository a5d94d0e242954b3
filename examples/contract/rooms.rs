//! Rooms: a topic for each, with its messages.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use touka::extract::{Json, LastEventId, Query, State};
use touka::topic::HubError;
use touka::{EventStream, Hub, IntoEvent, route};
use touka_examples::Id;

use crate::text::Text;

/// The maximum length of an author's name, in characters.
const LONGEST_NAME: usize = 32;

/// The maximum length of a message, in characters.
const LONGEST_TEXT: usize = 2_000;

/// The number of rooms in a list, if the client names none.
const LISTED: u8 = 20;

/// A new message, as its author sends it.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct NewMessage {
    /// The name of the author.
    author: Text<LONGEST_NAME>,
    /// The words of the message.
    text: Text<LONGEST_TEXT>,
    #[serde(default)]
    mood: Mood,
}

/// A message of a room.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Message {
    /// The number of the message in its room, from 1.
    number: u64,
    /// The name of the author.
    author: Text<LONGEST_NAME>,
    /// The words of the message.
    text: Text<LONGEST_TEXT>,
    mood: Mood,
    /// True if this is the author's first message in the room.
    is_first: bool,
}

/// The mood of a message.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mood {
    #[default]
    Neutral,
    Cheerful,
    Cross,
}

/// An event of a room.
#[derive(IntoEvent)]
pub(crate) enum RoomEvent {
    /// An author has written for the first time. The message follows.
    Joined {
        /// The name of the author.
        author: Text<LONGEST_NAME>,
        /// The number of authors in the room.
        authors: usize,
    },
    /// A message was said.
    Said(Message),
}

/// A room in the list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Room {
    name: Id,
    /// The number of messages.
    messages: u64,
    /// The number of clients that listen now.
    listeners: usize,
}

/// The rooms that a list has.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Search {
    /// The beginning of their names. Without it, all rooms are listed.
    prefix: Option<Id>,
    /// The maximum number of rooms: 20 by default.
    limit: Option<u8>,
}

/// The numbers of the rooms' messages, and their authors.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rooms(Arc<Mutex<BTreeMap<String, Said>>>);

#[derive(Debug, Default)]
struct Said {
    messages: u64,
    authors: Vec<Text<LONGEST_NAME>>,
}

impl Rooms {
    /// Numbers a message. Returns the number of authors, if its author is a new one.
    fn number(&self, room: &Id, message: NewMessage) -> (Message, Option<usize>) {
        let NewMessage { author, text, mood } = message;
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let said = rooms.entry(room.to_string()).or_default();
        said.messages += 1;
        let is_first = !said.authors.contains(&author);
        if is_first {
            said.authors.push(author.clone());
        }
        let authors = is_first.then_some(said.authors.len());
        (Message { number: said.messages, author, text, mood, is_first }, authors)
    }

    /// The numbers of messages of the rooms whose names begin so.
    fn list(&self, prefix: &str, limit: usize) -> Vec<(String, u64)> {
        let rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = rooms.range(prefix.to_owned()..).take_while(|(name, _)| name.starts_with(prefix));
        found.take(limit).map(|(name, said)| (name.clone(), said.messages)).collect()
    }
}

/// Lists rooms by name.
#[route(GET, "/rooms")]
pub(crate) async fn list(
    State(hub): State<Hub>,
    State(rooms): State<Rooms>,
    Query(search): Query<Search>,
) -> Result<Json<Vec<Room>>, HubError> {
    let prefix = search.prefix.map(|prefix| prefix.to_string()).unwrap_or_default();
    let mut list = Vec::new();
    for (name, messages) in rooms.list(&prefix, search.limit.unwrap_or(LISTED).into()) {
        let listeners = hub.topic::<RoomEvent>(topic(&name))?.subscribers();
        // Only such names are in the list.
        if let Ok(name) = name.parse() {
            list.push(Room { name, messages, listeners });
        }
    }
    Ok(Json(list))
}

/// Publishes a message in a room.
///
/// All clients that listen to the room get the message, the author's as well. The room is made by its first message.
#[route(POST, "/rooms/{room}")]
pub(crate) async fn say(
    State(hub): State<Hub>,
    State(rooms): State<Rooms>,
    room: Id,
    Json(message): Json<NewMessage>,
) -> Result<Json<Message>, HubError> {
    let (message, authors) = rooms.number(&room, message);
    let topic = hub.topic::<RoomEvent>(topic(&room))?;
    if let Some(authors) = authors {
        topic.publish(RoomEvent::Joined { author: message.author.clone(), authors }).await?;
    }
    topic.publish(RoomEvent::Said(message.clone())).await?;
    Ok(Json(message))
}

/// Listens to a room.
///
/// The stream begins with the messages that the room has kept, or after the client's last one.
#[route(GET, "/rooms/{room}")]
pub(crate) async fn listen(
    State(hub): State<Hub>,
    room: Id,
    from: LastEventId,
) -> Result<EventStream<RoomEvent>, HubError> {
    hub.topic(topic(&room))?.subscribe(from).earliest().await
}

fn topic(room: impl std::fmt::Display) -> String {
    format!("rooms/{room}")
}
