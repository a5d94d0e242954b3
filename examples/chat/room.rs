//! Rooms: who is in them, what was said lately, and the hub that carries it to everyone there.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use tokio::sync::broadcast;
use touka::Event;

/// How many messages a room remembers for those who come, and who come back.
pub(crate) const HISTORY: usize = 50;

/// How far a client may fall behind before messages are lost for it.
pub(crate) const BEHIND: usize = 64;

/// How many rooms are remembered while nobody is in them.
pub(crate) const ROOMS: usize = 100;

/// One thing that happened in a room: one event.
#[derive(Debug, Serialize)]
pub(crate) struct Message {
    /// No other message of any room has it. It is the event's id, so it is not in the data.
    #[serde(skip)]
    pub(crate) id: u64,
    #[serde(skip)]
    pub(crate) kind: Kind,
    pub(crate) nick: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
    /// How many were in the room after it.
    pub(crate) present: usize,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Joined,
    Said,
    Left,
}

impl Message {
    /// It is shared by all clients in the room, so it is not taken.
    pub(crate) fn to_event(&self) -> touka::Result<Event> {
        let name = match self.kind {
            Kind::Joined => "joined",
            Kind::Said => "said",
            Kind::Left => "left",
        };
        Ok(Event::json(self)?.event(name).id(self.id))
    }
}

/// All rooms. Clones are the same rooms.
#[derive(Clone, Debug)]
pub(crate) struct Rooms(Arc<Mutex<House>>);

#[derive(Debug)]
struct House {
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
        // The ids of a server that was started anew must not be those of the one before it: a
        // client would take up at a message that it never saw.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Self(Arc::new(Mutex::new(House { rooms: HashMap::new(), latest: u64::try_from(now).unwrap_or_default() })))
    }

    /// Enters a room. What it remembers and what comes next are taken under one lock, so that no
    /// message is between the two.
    pub(crate) fn enter(&self, name: &str, nick: &str, last: Option<u64>) -> Visit {
        let mut house = self.lock();
        house.forget_empty_rooms();
        let room = house.rooms.entry(name.to_owned()).or_insert_with(|| Room {
            hub: broadcast::channel(BEHIND).0,
            history: VecDeque::new(),
            present: 0,
        });
        let seen = last.and_then(|last| room.history.iter().position(|message| message.id == last));
        let unseen = room.history.iter().skip(seen.map_or(0, |seen| seen + 1)).cloned().collect();
        // Who comes back and is not found was away for longer than the room remembers.
        let has_gap = last.is_some() && seen.is_none();
        let news = room.hub.subscribe();
        room.present += 1;
        let presence = Presence { rooms: self.clone(), room: name.to_owned(), nick: nick.to_owned() };
        house.tell(name, Kind::Joined, nick, None);
        Visit { unseen, has_gap, news, _presence: presence }
    }

    /// Says something; `false` if there is no such room.
    pub(crate) fn say(&self, name: &str, nick: &str, text: &str) -> bool {
        self.lock().tell(name, Kind::Said, nick, Some(text))
    }

    fn lock(&self) -> MutexGuard<'_, House> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl House {
    fn tell(&mut self, name: &str, kind: Kind, nick: &str, text: Option<&str>) -> bool {
        let Some(room) = self.rooms.get_mut(name) else { return false };
        self.latest += 1;
        let (nick, text) = (nick.to_owned(), text.map(str::to_owned));
        let message = Arc::new(Message { id: self.latest, kind, nick, text, present: room.present });
        if room.history.len() == HISTORY {
            room.history.pop_front();
        }
        room.history.push_back(Arc::clone(&message));
        // An error says that nobody listens, which is no error here.
        let _ = room.hub.send(message);
        true
    }

    /// Anyone can name a room, so the number of those that hold nobody has a bound.
    fn forget_empty_rooms(&mut self) {
        if self.rooms.len() >= ROOMS {
            self.rooms.retain(|_, room| room.present > 0);
        }
    }
}

/// A client in a room.
#[derive(Debug)]
pub(crate) struct Visit {
    /// What it has not seen of what the room remembers.
    pub(crate) unseen: Vec<Arc<Message>>,
    /// There was more, and the room does not remember it.
    pub(crate) has_gap: bool,
    /// What happens from now on.
    pub(crate) news: broadcast::Receiver<Arc<Message>>,
    _presence: Presence,
}

/// Being in a room. Nobody says good-bye to a server: the connection closes, the handler is
/// dropped, and so is this.
#[derive(Debug)]
struct Presence {
    rooms: Rooms,
    room: String,
    nick: String,
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut house = self.rooms.lock();
        if let Some(room) = house.rooms.get_mut(&self.room) {
            room.present -= 1;
        }
        house.tell(&self.room, Kind::Left, &self.nick, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_remembers_so_much_and_no_more() {
        let rooms = Rooms::new();
        let _here = rooms.enter("den", "ada", None);
        for number in 0..HISTORY {
            assert!(rooms.say("den", "ada", &number.to_string()));
        }
        let visit = rooms.enter("den", "ben", None);
        assert_eq!(visit.unseen.len(), HISTORY);
        assert_eq!(visit.unseen[0].text.as_deref(), Some("0"), "the join is the oldest, and gone");
    }

    #[test]
    fn rooms_that_hold_nobody_are_forgotten_first() {
        let rooms = Rooms::new();
        let _here = rooms.enter("den", "ada", None);
        for number in 0..ROOMS {
            rooms.enter(&number.to_string(), "ben", None);
        }
        assert!(rooms.lock().rooms.len() < ROOMS);
        assert!(rooms.say("den", "ada", "still here"));
        assert!(!rooms.say("0", "ada", "nobody"));
    }
}
