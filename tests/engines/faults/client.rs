//! [`Client`], which follows topics, moves between nodes, and records what it gets.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::connection::{Access, Arrived, Connection, RECONNECT_AFTER};
use super::position::Position;
use super::random::Random;
use super::record::Record;

/// An item of what a client gets of one topic.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Item {
    /// The position that a stream opens with.
    Opened(Position),
    Data {
        number: u64,
        at: Position,
    },
    Gap {
        reason: String,
        from: Position,
        to: Position,
    },
    /// The end of a stream.
    End,
    /// A block that breaks the rules for streams of several topics.
    Wrong(String),
}

/// One item, and the [time](Record::time) at which it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) item: Item,
    pub(crate) time: u64,
    pub(crate) node: usize,
}

/// A client that keeps the id of the last event, and comes back with it.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) name: String,
    /// Whether its streams may end: a server closes those of parked clients that need events of before its cache.
    pub(crate) may_end: bool,
    topics: Arc<[String]>,
    seen: Arc<Mutex<Vec<Vec<Seen>>>>,
    at: watch::Receiver<Vec<Option<Position>>>,
    /// The node that it is connected to, or `None` while it is away.
    place: watch::Sender<Option<usize>>,
    task: JoinHandle<()>,
}

/// The node of a client, or how it moves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    Stays(usize),
    /// Moves to another node again and again, by this seed.
    Moves(u64),
    /// Like [`Moves`](Self::Moves), with pauses in which it does not read.
    Dawdles(u64),
}

impl Client {
    /// A client that follows some topics.
    pub(crate) fn start(record: &Arc<Record>, access: &Access, topics: &[String], way: Way) -> Self {
        let (kind, may_end) = match access {
            Access::Hubs(_) => ("client", false),
            Access::Servers { .. } => ("HTTP client", true),
        };
        let (name, node, random) = match way {
            Way::Stays(node) => (format!("that stays on node {node}"), node, None),
            Way::Moves(seed) | Way::Dawdles(seed) => (format!("that moves by seed {seed}"), 0, Some(Random::new(seed))),
        };
        let topics: Arc<[String]> = topics.into();
        let seen = Arc::new(Mutex::new(vec![Vec::new(); topics.len()]));
        let (place, places) = watch::channel(Some(node));
        let (reached, at) = watch::channel(vec![None; topics.len()]);
        let walk = Walk {
            access: access.clone(),
            topics: Arc::clone(&topics),
            record: Arc::clone(record),
            seen: Arc::clone(&seen),
            reached,
            last: None,
            dawdles: matches!(way, Way::Dawdles(_)),
        };
        let task = tokio::spawn(async move {
            match random {
                None => walk.follow(places).await,
                Some(random) => walk.wander(random).await,
            }
        });
        Self { name: format!("the {kind} of {topics:?} {name}"), may_end, topics, seen, at, place, task }
    }

    /// Disconnects a client that stays, and returns when it has.
    pub(crate) async fn leave(&self) {
        self.place.send_replace(None);
        // The task drops its receiver's old value when it has dropped the stream.
        while self.place.borrow().is_none() && !self.is_away() {
            sleep(Duration::from_millis(1)).await;
        }
    }

    fn is_away(&self) -> bool {
        self.seen()[0].last().is_none_or(|seen| seen.node == AWAY)
    }

    /// Connects a client that has left.
    pub(crate) fn come(&self, node: usize) {
        self.place.send_replace(Some(node));
    }

    /// Whether the client follows a topic.
    pub(crate) fn follows(&self, topic: &str) -> bool {
        self.topics.iter().any(|known| known == topic)
    }

    fn index(&self, topic: &str) -> usize {
        self.topics
            .iter()
            .position(|known| known == topic)
            .unwrap_or_else(|| panic!("{} does not follow it", self.name))
    }

    /// The position of the last item of its first topic.
    pub(crate) fn at(&self) -> Option<Position> {
        self.at.borrow()[0]
    }

    /// The position of the last item of a topic.
    pub(crate) fn at_in(&self, topic: &str) -> Option<Position> {
        self.at.borrow()[self.index(topic)]
    }

    /// Waits until the client has this position in its first topic, and returns false if it does not get there in time.
    pub(crate) async fn reaches(&self, position: Position, longest: Duration) -> bool {
        self.reaches_in(&self.topics[0], position, longest).await
    }

    /// Waits until the client has this position in a topic, and returns false if it does not get there in time.
    pub(crate) async fn reaches_in(&self, topic: &str, position: Position, longest: Duration) -> bool {
        let (mut at, index) = (self.at.clone(), self.index(topic));
        matches!(timeout(longest, at.wait_for(|at| at[index] == Some(position))).await, Ok(Ok(_)))
    }

    /// All items of a topic so far.
    pub(crate) fn items(&self, topic: &str) -> Vec<Seen> {
        self.seen()[self.index(topic)].iter().filter(|seen| seen.node != AWAY).cloned().collect()
    }

    /// The reasons of all gaps in its first topic so far.
    pub(crate) fn gaps(&self) -> Vec<String> {
        self.gaps_in(&self.topics[0])
    }

    /// The reasons of all gaps in a topic so far.
    pub(crate) fn gaps_in(&self, topic: &str) -> Vec<String> {
        let reason = |seen: &Seen| match &seen.item {
            Item::Gap { reason, .. } => Some(reason.clone()),
            _ => None,
        };
        self.seen()[self.index(topic)].iter().filter_map(reason).collect()
    }

    /// The number of streams that have ended so far.
    pub(crate) fn ends(&self) -> usize {
        self.seen()[0].iter().filter(|seen| seen.node != AWAY && seen.item == Item::End).count()
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Vec<Vec<Seen>>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The node of an entry that says that the client is away.
const AWAY: usize = usize::MAX;

/// The task of a client.
struct Walk {
    access: Access,
    topics: Arc<[String]>,
    record: Arc<Record>,
    seen: Arc<Mutex<Vec<Vec<Seen>>>>,
    reached: watch::Sender<Vec<Option<Position>>>,
    last: Option<String>,
    dawdles: bool,
}

impl Walk {
    /// Stays where it is told to be.
    async fn follow(mut self, mut places: watch::Receiver<Option<usize>>) {
        loop {
            let place = *places.borrow_and_update();
            let Some(node) = place else {
                self.push_all(AWAY, &Item::End);
                if places.changed().await.is_err() {
                    return;
                }
                continue;
            };
            let Some(mut connection) = self.connect(node).await else { continue };
            loop {
                tokio::select! {
                    arrived = connection.next() => if !self.take(node, arrived) {
                        sleep(RECONNECT_AFTER).await;
                        break;
                    },
                    _ = places.changed() => break,
                }
            }
        }
    }

    /// Stays on each node for some time or for some events.
    async fn wander(mut self, mut random: Random) {
        // The number of streams in succession that have brought nothing but a position. One that is too short for the read of
        // older events would bring nothing ever.
        let mut fruitless = 0;
        loop {
            let node = random.below(self.access.nodes());
            let Some(mut connection) = self.connect(node).await else { continue };
            let (stay, most) = (random.milliseconds(1, 80), 1 + random.below(60));
            let before = self.last.clone();
            let _ = timeout(stay * 2_u32.pow(fruitless.min(5)), async {
                for _ in 0..most {
                    if self.dawdles && random.below(20) == 0 {
                        sleep(random.milliseconds(1, 60)).await;
                    }
                    let arrived = connection.next().await;
                    if !self.take(node, arrived) {
                        sleep(RECONNECT_AFTER).await;
                        break;
                    }
                }
            })
            .await;
            fruitless = if self.last == before { fruitless + 1 } else { 0 };
        }
    }

    async fn connect(&self, node: usize) -> Option<Connection> {
        let connection = self.access.open(node, &self.topics, self.last.as_deref()).await;
        if connection.is_none() {
            sleep(2 * RECONNECT_AFTER).await;
        }
        connection
    }

    /// Records a block. Returns false at the end of the stream.
    fn take(&mut self, node: usize, arrived: Option<Arrived>) -> bool {
        let Some(Arrived { id, name, data }) = arrived else {
            self.push_all(node, &Item::End);
            return false;
        };
        let (before, now) = (self.reached.borrow().clone(), Position::all_of(&id));
        assert_eq!(now.len(), self.topics.len(), "an id has a position of each topic");
        let changed: Vec<_> = (0..now.len()).filter(|&index| before[index] != Some(now[index])).collect();
        match data {
            None => {
                for (index, position) in now.iter().enumerate() {
                    self.push(index, node, Item::Opened(*position));
                }
            }
            Some(data) => {
                let (index, item) = match name.as_str() {
                    "gap" => self.gap(&data, &id),
                    // Another topic would be at its former position.
                    _ => (changed.first().copied().unwrap_or(0), data_of(&data, &now, &changed)),
                };
                if changed.iter().any(|&changed| changed != index) {
                    let text = format!("{name} {data} has changed {changed:?}, from {before:?} to {now:?}");
                    self.push(index, node, Item::Wrong(text));
                }
                self.push(index, node, item);
            }
        }
        self.last = Some(id);
        self.reached.send_replace(now.into_iter().map(Some).collect());
        true
    }

    /// A `gap` event, and the index of its topic.
    fn gap(&self, data: &str, id: &str) -> (usize, Item) {
        let data: serde_json::Value = serde_json::from_str(data).expect("JSON");
        let text = |field: &str| data[field].as_str().unwrap_or_else(|| panic!("no {field}: {data}"));
        assert_eq!(text("resumed_at"), id, "a gap has the id at which the stream continues");
        let index = match self.topics.len() {
            1 => 0,
            _ => self.topics.iter().position(|topic| topic == text("topic")).expect("a topic of the stream"),
        };
        let position = |field: &str| Position::all_of(text(field))[index];
        (index, Item::Gap { reason: text("reason").to_owned(), from: position("from"), to: position("resumed_at") })
    }

    fn push_all(&self, node: usize, item: &Item) {
        for index in 0..self.topics.len() {
            self.push(index, node, item.clone());
        }
    }

    fn push(&self, index: usize, node: usize, item: Item) {
        let time = self.record.time();
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)[index].push(Seen { item, time, node });
    }
}

/// A published event, whose topic is the one whose position has changed.
fn data_of(data: &str, now: &[Position], changed: &[usize]) -> Item {
    let number = data.split(' ').next().and_then(|number| number.parse().ok()).expect("a number");
    match changed {
        [] => Item::Wrong(format!("{number} has changed no position: it came twice")),
        [index, ..] => Item::Data { number, at: now[*index] },
    }
}
