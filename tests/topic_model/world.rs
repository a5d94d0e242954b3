//! The library and the expected results, advanced one step at a time.
use std::mem;
use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use http::StatusCode;
use support::Folder;
use tokio::sync::oneshot;
use touka::topic::OnLag;
use touka::{CloseReason, Event, EventId, EventStream, Hub, Topic};

use crate::driver::{Driver, Place};
use crate::gap::gap;
use crate::oracle::{Composite, ExpectedTopic, Next, Reader, Start};
use crate::{CLIENTS, From, Step, TOPICS};

/// The library and the expected results.
pub(crate) struct World {
    hub: Hub,
    topics: Vec<Topic>,
    pub(crate) expected_topics: Vec<ExpectedTopic>,
    pub(crate) clients: Vec<Client>,
    /// For each combination of topics, the ids of positions in them.
    composites: Vec<Composite>,
    /// Ends the body that feeds a topic.
    feeds: Vec<Option<oneshot::Sender<Result<(), StatusCode>>>>,
    pub(crate) driver: Driver,
    _folder: Folder, // last, so that the file is closed first
}

#[derive(Default)]
pub(crate) struct Client {
    pub(crate) follows: Vec<usize>,
    pub(crate) readers: Vec<Reader>,
    pub(crate) stream: Option<EventStream>,
    closed: Arc<Mutex<Option<CloseReason>>>,
    /// Events that it gets before any other.
    pub(crate) greeting: Vec<Greeting>,
    /// The ids that it received, and the position in each topic that each of them stands for.
    pub(crate) ids: Vec<(String, Vec<usize>)>,
}

impl Client {
    fn open(&mut self, stream: EventStream) {
        self.closed = Arc::default();
        let closed = Arc::clone(&self.closed);
        let tell = move |reason| *closed.lock().expect("not poisoned") = Some(reason);
        self.stream = Some(stream.on_close(tell));
    }
}

#[derive(Debug)]
pub(crate) struct Greeting {
    pub(crate) reason: Option<&'static str>,
    topic: Option<usize>,
    pub(crate) from: Option<String>,
    pub(crate) positions: Vec<usize>,
}

impl World {
    pub(crate) fn new(place: Place) -> Self {
        let driver = Driver::new(place);
        let (hub, folder) = driver.hub();
        let topics = TOPICS.map(|name| hub.topic(name).expect("a valid topic name")).into();
        let composites = (0..1 << TOPICS.len()).map(|_| Composite::default()).collect();
        let clients = (0..CLIENTS).map(|_| Client::default()).collect();
        let feeds = TOPICS.map(|_| None).into();
        Self {
            hub,
            topics,
            expected_topics: TOPICS.map(ExpectedTopic::new).into(),
            clients,
            composites,
            feeds,
            driver,
            _folder: folder,
        }
    }

    pub(crate) fn take(&mut self, step: &Step) {
        match *step {
            Step::Publish { topic, key, times } => (0..times).for_each(|_| self.publish(topic, key)),
            Step::Retain { topic, events, bytes } => {
                let (events, bytes) = self.driver.limits((events, bytes), self.expected_topics[topic].limits());
                let retention = self.expected_topics[topic].retain(events, bytes);
                self.topics[topic].set_retention(retention);
            }
            Step::Connect { client, topics, on_lag, max_lag, from } => {
                let mut follows: Vec<_> = (0..TOPICS.len()).filter(|topic| topics >> topic & 1 == 1).collect();
                // The ids of several topics are opaque.
                let most = if self.driver.reads_ahead() && on_lag == OnLag::Latest { 1 } else { follows.len() };
                follows.truncate(most);
                // Which of several topics has been read to its end cannot be observed from outside.
                let max_lag = max_lag.filter(|_| follows.len() == 1);
                let several = follows.len() > 1;
                let readers = vec![Reader::new(on_lag, max_lag, several); follows.len()];
                self.clients[client] = Client { follows, readers, ..Client::default() };
                self.connect(client, from);
            }
            Step::Read { client, times } => {
                for _ in 0..times {
                    if self.clients[client].stream.is_none() || !self.read(client) {
                        break;
                    }
                }
            }
            Step::Disconnect { client } => self.clients[client].stream = None,
            Step::Feed { client, topic } => self.feed(client, topic),
            Step::EndFeed { topic, failed } => self.end_feed(topic, failed),
            Step::Reconnect { client, from } if !self.clients[client].follows.is_empty() => self.connect(client, from),
            Step::Reconnect { .. } => {}
        }
    }

    fn feed(&mut self, index: usize, topic: usize) {
        let expected_topic = &self.expected_topics[topic];
        let head = expected_topic.len();
        let reader = Reader { seen: head, ends: expected_topic.ends(), ..Reader::new(OnLag::Disconnect, None, false) };
        let greeting = vec![Greeting { reason: None, topic: None, from: None, positions: vec![head] }];
        self.clients[index] = Client { follows: vec![topic], readers: vec![reader], greeting, ..Client::default() };
        let (end, ended) = oneshot::channel();
        let fed = self.topics[topic].fed_by(|_| async { ended.await.unwrap_or(Ok(())) });
        let stream = self.driver.runtime.block_on(fed.subscribe(None).into_future()).expect("the stream opens");
        self.clients[index].open(stream);
        if !mem::replace(&mut self.expected_topics[topic].fed, true) {
            self.feeds[topic] = Some(end);
        }
    }

    fn end_feed(&mut self, topic: usize, failed: bool) {
        let Some(end) = self.feeds[topic].take() else { return };
        // Which of several topics a stream has polled cannot be observed from outside, so such a stream is
        // read until it waits, before the end and after it.
        self.read_all_of_several();
        end.send(if failed { Err(StatusCode::BAD_GATEWAY) } else { Ok(()) }).expect("the body waits");
        self.driver.runtime.block_on(async {
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
        });
        self.expected_topics[topic].end(failed);
        self.read_all_of_several();
    }

    fn read_all_of_several(&mut self) {
        for client in 0..CLIENTS {
            while self.clients[client].follows.len() > 1 && self.clients[client].stream.is_some() && self.read(client) {
            }
        }
    }

    fn publish(&mut self, topic: usize, key: Option<u8>) {
        let (expected_topic, topic) = (&mut self.expected_topics[topic], &self.topics[topic]);
        let text = expected_topic.text(expected_topic.len());
        let published = match key {
            None => self.driver.complete(topic.publish(text)),
            Some(key) => self.driver.complete(topic.publish_keyed(&key.to_string(), text)),
        };
        let id = published.expect("published");
        expected_topic.published(id.to_string(), key);
    }

    fn connect(&mut self, index: usize, from: From) {
        let Self { hub, expected_topics, clients, .. } = self;
        let client = &mut clients[index];
        client.stream = None;
        let (heads, tails) = client
            .follows
            .iter()
            .map(|&topic| (expected_topics[topic].len(), expected_topics[topic].trimmed()))
            .unzip();
        let (heads, tails): (Vec<_>, Vec<_>) = (heads, tails);
        let greet =
            |reason, topic, from, positions: &[usize]| Greeting { reason, topic, from, positions: positions.to_vec() };
        let known = match from {
            From::Before(back) => {
                client.ids.truncate(client.ids.len().saturating_sub(back));
                client.ids.last().cloned()
            }
            _ => None,
        };
        let ends = heads.clone();
        let (id, positions, greeting) = match (from, known) {
            (From::Garbage, _) => {
                let id = "1.of-another-kind".to_owned();
                let greeting = greet(Some("malformed"), None, Some(id.clone()), &heads);
                (Some(id), heads, vec![greeting])
            }
            (_, Some((id, mut positions))) => {
                let mut greeting = Vec::new();
                // A gap moves the position of its own topic. One that misses nothing stays, until an event moves it.
                let mut so_far = positions.clone();
                for (nth, &tail) in tails.iter().enumerate() {
                    if positions[nth] < tail {
                        let seen = std::mem::replace(&mut positions[nth], tail);
                        if !expected_topics[client.follows[nth]].misses(client.readers[nth].on_lag, seen, tail) {
                            continue;
                        }
                        let topic = (tails.len() > 1).then(|| client.follows[nth]);
                        so_far[nth] = tail;
                        greeting.push(greet(Some("trimmed"), topic, Some(id.clone()), &so_far));
                    }
                }
                if greeting.is_empty() {
                    greeting.push(greet(None, None, None, &positions));
                }
                (Some(id), positions, greeting)
            }
            (From::Earliest, None) => (None, tails.clone(), vec![greet(None, None, None, &tails)]),
            (_, None) => (None, heads.clone(), vec![greet(None, None, None, &heads)]),
        };
        for (nth, position) in positions.into_iter().enumerate() {
            let reader = &mut client.readers[nth];
            (reader.seen, reader.caught_up, reader.ended) = (position, false, false);
            reader.start = match (&id, from) {
                (Some(_), _) => Start::Returning,
                (None, From::Earliest) => Start::History(ends[nth]),
                (None, _) => Start::Begun,
            };
        }
        for (reader, &topic) in client.readers.iter_mut().zip(&client.follows) {
            reader.ends = expected_topics[topic].ends();
        }
        client.greeting = greeting;

        let names = client.follows.iter().map(|&topic| TOPICS[topic]);
        let id = id.map(|id| EventId::new(id).expect("a valid id"));
        let reader = client.readers[0];
        let mut subscribe = hub.subscribe(names, id).expect("valid topic names").on_lag(reader.on_lag);
        if let Some(most) = reader.max_lag {
            subscribe = subscribe.max_lag(most as u64, u64::MAX);
        }
        if let From::Earliest = from {
            subscribe = subscribe.earliest();
        }
        let stream = self.driver.complete(subscribe.into_future()).expect("the stream opens");
        client.open(stream);
    }

    /// Polls once. Returns false if there is nothing to read.
    pub(crate) fn read(&mut self, index: usize) -> bool {
        let is_loose = self.is_loose(index);
        let client = &mut self.clients[index];
        let stream = client.stream.as_mut().expect("the client is connected");
        let mut next: Vec<_> = client.readers.clone();
        let next_of =
            |nth: usize, next: &mut Vec<Reader>| self.expected_topics[client.follows[nth]].next(&mut next[nth]);
        let mut ahead = next.clone();
        let comes = !client.greeting.is_empty()
            || (0..client.follows.len()).any(|nth| next_of(nth, &mut ahead) != Next::Nothing);
        let came = self.driver.poll(comes, stream.next());
        match came {
            None => {
                assert!(client.greeting.is_empty(), "the stream waits, and should send {:?}", client.greeting);
                for nth in 0..client.follows.len() {
                    assert_eq!(
                        next_of(nth, &mut next),
                        Next::Nothing,
                        "the stream waits, with readers {:?}",
                        client.readers
                    );
                }
                client.readers = next;
                return false;
            }
            Some(None) => {
                assert!(client.greeting.is_empty(), "the stream ends, and should send {:?}", client.greeting);
                let ends: Vec<_> = (0..client.follows.len()).map(|nth| next_of(nth, &mut next)).collect();
                client.stream = None;
                let is_right = match client.closed.lock().expect("not poisoned").expect("the stream has ended") {
                    CloseReason::Lagged => ends.contains(&Next::Closed),
                    CloseReason::Failed => ends.contains(&Next::Ended(true)),
                    CloseReason::Completed => {
                        ends == [Next::Ended(false)] || ends.len() > 1 && next.iter().all(|reader| reader.ended)
                    }
                    _ => false,
                };
                assert!(is_right, "the stream ends, with readers {:?}", client.readers);
                return false;
            }
            Some(Some(event)) if is_loose => self.read_loosely(index, &event),
            Some(Some(event)) => {
                let id = event.as_id().expect("every event has an id").to_string();
                let positions = if client.greeting.is_empty() {
                    let nth = client.follows.iter().position(|&topic| is_of(&event, topic, client.follows.len()));
                    let nth = nth.expect("the event belongs to a followed topic");
                    let from = client.readers[nth].seen;
                    let expected_topic = &self.expected_topics[client.follows[nth]];
                    let is_next = event.as_data() == Some(&*expected_topic.text(from));
                    let is = match &mut client.readers[nth] {
                        reader if is_next && self.driver.reads_ahead() => reader.take(from),
                        reader => expected_topic.next(reader),
                    };
                    let expected = match is {
                        Next::Event(index) => expected_topic.text(index),
                        Next::Lagged(_) => "gap".to_owned(),
                        other => panic!("{other:?} was expected of {}, and not {event:?}", expected_topic.name),
                    };
                    match is {
                        Next::Lagged(_) => {
                            let data = gap(&event, "lagged", &id);
                            if client.follows.len() == 1 {
                                assert_eq!(
                                    expected_topic.id(from).unwrap_or_default(),
                                    data["from"],
                                    "the gap begins there"
                                );
                            }
                        }
                        _ => assert_eq!((event.as_data(), event.as_event()), (Some(&*expected), None)),
                    }
                    client.readers.iter().map(|reader| reader.seen).collect()
                } else {
                    let greeting = client.greeting.remove(0);
                    match greeting.reason {
                        None => {
                            assert_eq!((event.as_data(), event.as_event()), (None, None), "a checkpoint: {event:?}");
                        }
                        Some(reason) => {
                            let data = gap(&event, reason, &id);
                            assert_eq!(data["topic"].as_str(), greeting.topic.map(|topic| TOPICS[topic]));
                            assert_eq!(data["from"].as_str(), greeting.from.as_deref());
                        }
                    }
                    greeting.positions
                };
                match &client.follows[..] {
                    [topic] => self.expected_topics[*topic].assert_id(positions[0], &id),
                    follows => {
                        let list: usize = follows.iter().map(|topic| 1 << topic).sum();
                        self.composites[list].assert_id(&positions, &id);
                    }
                }
                client.ids.push((id, positions));
            }
        }
        true
    }
}

/// Whether the event belongs to that topic: its data says so, or, for a gap, there is only one topic.
fn is_of(event: &Event, topic: usize, follows: usize) -> bool {
    let data = event.as_data().unwrap_or_default();
    match serde_json::from_str::<serde_json::Value>(data) {
        Ok(gap) => follows == 1 || gap["topic"] == TOPICS[topic],
        Err(_) => data.starts_with(TOPICS[topic]),
    }
}
