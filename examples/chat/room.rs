//! Rooms: their members, recent messages, and the channel to every client.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use tokio::sync::broadcast;
use touka::Event;

/// The number of messages that a room keeps for new and reconnecting clients.
pub(crate) const HISTORY: usize = 50;

/// The number of messages that a client may fall behind before it loses some.
pub(crate) const MAX_LAG: usize = 64;

/// The maximum number of empty rooms.
pub(crate) const MAX_EMPTY_ROOMS: usize = 100;

/// One message of a room, which is one event.
#[derive(Debug, Serialize)]
pub(crate) struct Message {
    /// Unique among the messages of all rooms. Sent as the event's id, so it is not in the data.
    #[serde(skip)]
    pub(crate) id: u64,
    #[serde(skip)]
    pub(crate) kind: Kind,
    pub(crate) nick: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
    /// The number of clients in the room after it.
    pub(crate) present: usize,
}

/// The kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Joined,
    Said,
    Left,
}

impl Message {
    /// Borrows the message, because all clients of the room share it.
    pub(crate) fn to_event(&self) -> touka::Result<Event> {
        let name = match self.kind {
            Kind::Joined => "joined",
            Kind::Said => "said",
            Kind::Left => "left",
        };
        Ok(Event::json(self)?.event(name).id(self.id))
    }
}

/// All rooms. Clones share the same rooms.
#[derive(Clone, Debug)]
pub(crate) struct Rooms(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    rooms: HashMap<String, Room>,
    latest: u64,
}

#[derive(Debug)]
struct Room {
    hub: broadcast::Sender<Arc<Message>>,
    /// Oldest first.
    history: VecDeque<Arc<Message>>,
    present: usize,
}

impl Rooms {
    pub(crate) fn new() -> Self {
        // The ids of a restarted server must differ from those of the one before it: a client would otherwise
        // resume after a message that it never got.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Self(Arc::new(Mutex::new(Inner { rooms: HashMap::new(), latest: u64::try_from(now).unwrap_or_default() })))
    }

    /// Enters a room. The history and the receiver are taken under one lock, so that no message is lost
    /// between the two.
    pub(crate) fn enter(&self, name: &str, nick: &str, last: Option<u64>) -> Visit {
        let mut inner = self.lock();
        inner.remove_empty_rooms();
        let room = inner.rooms.entry(name.to_owned()).or_insert_with(|| Room {
            hub: broadcast::channel(MAX_LAG).0,
            history: VecDeque::new(),
            present: 0,
        });
        let seen = last.and_then(|last| room.history.iter().position(|message| message.id == last));
        let unseen = room.history.iter().skip(seen.map_or(0, |seen| seen + 1)).cloned().collect();
        // A client whose last message is not in the history was away for too long.
        let has_gap = last.is_some() && seen.is_none();
        let news = room.hub.subscribe();
        room.present += 1;
        let presence = Presence { rooms: self.clone(), room: name.to_owned(), nick: nick.to_owned() };
        inner.tell(name, Kind::Joined, nick, None);
        Visit { unseen, has_gap, news, _presence: presence }
    }

    /// Posts a message; `false` if there is no such room.
    pub(crate) fn say(&self, name: &str, nick: &str, text: &str) -> bool {
        self.lock().tell(name, Kind::Said, nick, Some(text))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn tell(&mut self, name: &str, kind: Kind, nick: &str, text: Option<&str>) -> bool {
        let Some(room) = self.rooms.get_mut(name) else { return false };
        self.latest += 1;
        let (nick, text) = (nick.to_owned(), text.map(str::to_owned));
        let message = Arc::new(Message { id: self.latest, kind, nick, text, present: room.present });
        if room.history.len() == HISTORY {
            room.history.pop_front();
        }
        room.history.push_back(Arc::clone(&message));
        // An error means that there is no receiver, which is fine here.
        let _ = room.hub.send(message);
        true
    }

    /// Any client can name a room, so the number of empty ones has a bound.
    fn remove_empty_rooms(&mut self) {
        if self.rooms.len() >= MAX_EMPTY_ROOMS {
            self.rooms.retain(|_, room| room.present > 0);
        }
    }
}

/// A client in a room.
#[derive(Debug)]
pub(crate) struct Visit {
    /// The messages of the history that the client has not seen.
    pub(crate) unseen: Vec<Arc<Message>>,
    /// Whether there were older messages that the room no longer has.
    pub(crate) has_gap: bool,
    /// New messages.
    pub(crate) news: broadcast::Receiver<Arc<Message>>,
    _presence: Presence,
}

/// Membership in a room. A client leaves by closing its connection: then the handler is dropped, and so is
/// this.
#[derive(Debug)]
struct Presence {
    rooms: Rooms,
    room: String,
    nick: String,
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut inner = self.rooms.lock();
        if let Some(room) = inner.rooms.get_mut(&self.room) {
            room.present -= 1;
        }
        inner.tell(&self.room, Kind::Left, &self.nick, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rooms_history_is_bounded() {
        let rooms = Rooms::new();
        let _here = rooms.enter("den", "ada", None);
        for number in 0..HISTORY {
            assert!(rooms.say("den", "ada", &number.to_string()));
        }
        let visit = rooms.enter("den", "ben", None);
        assert_eq!(visit.unseen.len(), HISTORY);
        assert_eq!(visit.unseen[0].text.as_deref(), Some("0"), "the join was the oldest message");
    }

    #[test]
    fn empty_rooms_are_removed_first() {
        let rooms = Rooms::new();
        let _here = rooms.enter("den", "ada", None);
        for number in 0..MAX_EMPTY_ROOMS {
            rooms.enter(&number.to_string(), "ben", None);
        }
        assert!(rooms.lock().rooms.len() < MAX_EMPTY_ROOMS);
        assert!(rooms.say("den", "ada", "still here"));
        assert!(!rooms.say("0", "ada", "nobody"));
    }
}
