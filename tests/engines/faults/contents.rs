//! [`Contents`], the events of a topic that an engine has.

use std::time::Duration;

use async_nats::Client;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use support::{NatsCluster, NatsServer, RedisCluster, RedisServer, Reply};
use tokio::time::sleep;

use super::position::Position;

/// The error of NATS that there is no message.
const NO_MESSAGE: u64 = 10037;

/// The server of an engine, as this process can look into it.
pub(crate) trait Keeper: Sync {
    /// The events of a topic, the oldest first.
    async fn events(&self, topic: &str) -> Vec<Entry>;

    /// Whether the offsets of a topic have holes.
    fn is_sparse(&self) -> bool {
        false
    }
}

/// The events of a topic that an engine has, the oldest first.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) events: Vec<Entry>,
    /// Whether the offsets of a topic have holes.
    pub(crate) is_sparse: bool,
}

/// One event, with its predecessor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) at: Position,
    pub(crate) previous: Position,
    pub(crate) number: u64,
}

impl Contents {
    /// Reads all events.
    pub(crate) async fn read(keeper: &impl Keeper, topic: &str) -> Self {
        let events = keeper.events(topic).await;
        for pair in events.windows(2) {
            assert_eq!(pair[1].previous, pair[0].at, "the events of the engine are one chain");
        }
        Self { events, is_sparse: keeper.is_sparse() }
    }

    /// The position of the newest event.
    pub(crate) fn head(&self) -> Option<Position> {
        self.events.last().map(|event| event.at)
    }

    /// The position before the oldest event.
    pub(crate) fn tail(&self) -> Option<Position> {
        self.events.first().map(|event| event.previous)
    }
}

impl Keeper for RedisServer {
    async fn events(&self, topic: &str) -> Vec<Entry> {
        let reply = self.command(&["XRANGE", &format!("touka:{{{topic}}}:events"), "-", "+"]).await;
        reply.list().iter().map(entry).collect()
    }
}

impl Keeper for RedisCluster {
    async fn events(&self, topic: &str) -> Vec<Entry> {
        let key = format!("touka:{{{topic}}}:events");
        self.command(&key, &["XRANGE", &key, "-", "+"]).await.list().iter().map(entry).collect()
    }
}

fn entry(entry: &Reply) -> Entry {
    let [_, fields] = entry.list() else { panic!("not an entry: {entry:?}") };
    let [_, head, _, body] = fields.list() else { panic!("not two fields: {fields:?}") };
    let numbers: Vec<u64> = head.text().split(' ').map(|number| number.parse().expect("a number")).collect();
    let [epoch, offset, tag, before, ..] = numbers[..] else { panic!("too few numbers: {head:?}") };
    let number = number(body.text());
    Entry { at: Position::new(epoch, offset, tag), previous: Position::new(epoch, offset - 1, before), number }
}

/// The number in the data of an event.
fn number(wire: &str) -> u64 {
    let data = wire.strip_prefix("data: ").expect("an event with data");
    data.split([' ', '\n']).next().and_then(|number| number.parse().ok()).expect("a number")
}

impl Keeper for NatsServer {
    async fn events(&self, topic: &str) -> Vec<Entry> {
        let client = async_nats::connect(self.url()).await.expect("a connection");
        events_of(&client, topic).await
    }

    fn is_sparse(&self) -> bool {
        true
    }
}

impl Keeper for NatsCluster {
    async fn events(&self, topic: &str) -> Vec<Entry> {
        let servers: Vec<_> = self.servers.iter().map(|server| server.url().parse().expect("a URL")).collect();
        let client = async_nats::connect::<Vec<async_nats::ServerAddr>>(servers).await.expect("a connection");
        events_of(&client, topic).await
    }

    fn is_sparse(&self) -> bool {
        true
    }
}

async fn events_of(client: &Client, topic: &str) -> Vec<Entry> {
    let (mut events, mut from): (Vec<Entry>, _) = (Vec::new(), 1);
    // The epoch of the log is that of its root. An event names the one that its publisher knew.
    let (mut epoch, mut previous) = (None, None);
    while let Some((sequence, record)) = message(client, topic, from).await {
        from = sequence + 1;
        // A version, a kind, eight bytes of the epoch and four of the tag.
        let own = u64::from_be_bytes(record[2..10].try_into().expect("eight bytes"));
        let tag = u32::from_be_bytes(record[10..14].try_into().expect("four bytes")).into();
        match record[..2] {
            // No key, whose length takes four bytes.
            [1, 1] => {
                let number = number(str::from_utf8(&record[18..]).expect("UTF-8"));
                let epoch = *epoch.get_or_insert(own);
                let at = Position::new(epoch, sequence, tag);
                let unknown = Position::new(epoch, sequence - 1, 0);
                events.push(Entry { at, previous: previous.unwrap_or(unknown), number });
                previous = Some(at);
            }
            // Two nodes may have begun the log at the same time.
            [1, 2] if epoch == Some(own) => previous = previous.or(Some(Position::new(own, sequence, tag))),
            // Another log begins.
            [1, 2] => {
                events.clear();
                (epoch, previous) = (Some(own), Some(Position::new(own, sequence, tag)));
            }
            _ => panic!("not a record: {record:?}"),
        }
    }
    events
}

/// The sequence and the data of the first message of a topic from a sequence on.
async fn message(client: &Client, topic: &str, from: u64) -> Option<(u64, Vec<u8>)> {
    let body = json!({ "seq": from, "next_by_subj": format!("touka.t.{topic}") }).to_string();
    let message = loop {
        // Without a leader there is no reply, or another error.
        if let Ok(reply) = client.request("$JS.API.STREAM.MSG.GET.touka", body.clone().into()).await {
            let mut reply: Value = serde_json::from_slice(&reply.payload).expect("JSON");
            match reply["error"]["err_code"].as_u64() {
                None => break reply["message"].take(),
                Some(NO_MESSAGE) => return None,
                Some(_) => {}
            }
        }
        sleep(Duration::from_millis(50)).await;
    };
    let data = STANDARD.decode(message["data"].as_str().expect("data")).expect("base 64");
    Some((message["seq"].as_u64().expect("a sequence"), data))
}
