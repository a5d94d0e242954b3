//! The library and what must come of it, one step after the other.

use std::mem;
use std::sync::{Arc, Mutex};

use futures_util::{FutureExt, StreamExt};
use http::StatusCode;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use touka::topic::OnLag;
use touka::{CloseReason, Event, EventId, EventStream, Hub, Topic};

use crate::oracle::{Composite, Next, Reader, Story};
use crate::{CLIENTS, From, Step, TOPICS};

/// The library and what must come of it.
pub(crate) struct World {
    hub: Hub,
    topics: Vec<Topic>,
    stories: Vec<Story>,
    pub(crate) clients: Vec<Client>,
    /// For each combination of topics, the ids that name places in them.
    composites: Vec<Composite>,
    /// What ends the body that feeds a topic.
    feeds: Vec<Option<oneshot::Sender<Result<(), StatusCode>>>>,
    runtime: Runtime,
}

#[derive(Default)]
pub(crate) struct Client {
    follows: Vec<usize>,
    readers: Vec<Reader>,
    pub(crate) stream: Option<EventStream>,
    closed: Arc<Mutex<Option<CloseReason>>>,
    /// What it is told before anything else.
    hello: Vec<Hello>,
    /// The ids that it was sent, and the place in each topic that each of them names.
    ids: Vec<(String, Vec<usize>)>,
}

impl Client {
    fn open(&mut self, stream: EventStream) {
        self.closed = Arc::default();
        let closed = Arc::clone(&self.closed);
        let tell = move |reason| *closed.lock().expect("nobody panics with it") = Some(reason);
        self.stream = Some(stream.on_close(tell));
    }
}

#[derive(Debug)]
struct Hello {
    reason: Option<&'static str>,
    topic: Option<usize>,
    from: Option<String>,
    places: Vec<usize>,
}

impl World {
    pub(crate) fn new() -> Self {
        let hub = Hub::memory();
        let topics = TOPICS.map(|name| hub.topic(name).expect("it can be a topic")).into();
        let composites = (0..1 << TOPICS.len()).map(|_| Composite::default()).collect();
        let clients = (0..CLIENTS).map(|_| Client::default()).collect();
        let feeds = TOPICS.map(|_| None).into();
        // Its clock stands still: no body is dropped because nobody follows it.
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
        Self { hub, topics, stories: TOPICS.map(Story::new).into(), clients, composites, feeds, runtime }
    }

    pub(crate) fn take(&mut self, step: &Step) {
        match *step {
            Step::Publish { topic, key, times } => (0..times).for_each(|_| self.publish(topic, key)),
            Step::Retain { topic, events, bytes } => {
                let retention = self.stories[topic].retain(events, bytes);
                self.topics[topic].set_retention(retention);
            }
            Step::Connect { client, topics, on_lag, max_lag, from } => {
                let follows: Vec<_> = (0..TOPICS.len()).filter(|topic| topics >> topic & 1 == 1).collect();
                // Which of several topics has been read to its end, nobody can see from outside.
                let max_lag = max_lag.filter(|_| follows.len() == 1);
                let several = follows.len() > 1;
                let reader = Reader { seen: 0, caught_up: false, on_lag, max_lag, ends: 0, several, ended: false };
                let readers = vec![reader; follows.len()];
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
        let story = &self.stories[topic];
        let head = story.len();
        let on_lag = OnLag::Disconnect;
        let reader = Reader {
            seen: head,
            caught_up: false,
            on_lag,
            max_lag: None,
            ends: story.ends(),
            several: false,
            ended: false,
        };
        let hello = vec![Hello { reason: None, topic: None, from: None, places: vec![head] }];
        self.clients[index] = Client { follows: vec![topic], readers: vec![reader], hello, ..Client::default() };
        let (end, told) = oneshot::channel();
        let fed = self.topics[topic].fed_by(|_| async { told.await.unwrap_or(Ok(())) });
        let stream = self.runtime.block_on(fed.subscribe(None).into_future()).expect("it opens");
        self.clients[index].open(stream);
        if !mem::replace(&mut self.stories[topic].fed, true) {
            self.feeds[topic] = Some(end);
        }
    }

    fn end_feed(&mut self, topic: usize, failed: bool) {
        let Some(end) = self.feeds[topic].take() else { return };
        // Which of several topics a stream has looked at cannot be seen from outside, so such a stream is
        // read to where it waits before the end, and after it.
        self.read_all_of_several();
        end.send(if failed { Err(StatusCode::BAD_GATEWAY) } else { Ok(()) }).expect("the body waits");
        self.runtime.block_on(async {
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
        });
        self.stories[topic].end(failed);
        self.read_all_of_several();
    }

    fn read_all_of_several(&mut self) {
        for client in 0..CLIENTS {
            while self.clients[client].follows.len() > 1 && self.clients[client].stream.is_some() && self.read(client) {
            }
        }
    }

    fn publish(&mut self, topic: usize, key: Option<u8>) {
        let (story, topic) = (&mut self.stories[topic], &self.topics[topic]);
        let text = story.text(story.len());
        let published = match key {
            None => topic.publish(text).now_or_never(),
            Some(key) => topic.publish_keyed(&key.to_string(), text).now_or_never(),
        };
        let id = published.expect("in memory it is done at once").expect("it can be published");
        story.published(id.to_string(), key);
    }

    fn connect(&mut self, index: usize, from: From) {
        let Self { hub, stories, clients, .. } = self;
        let client = &mut clients[index];
        client.stream = None;
        let (heads, tails) =
            client.follows.iter().map(|&topic| (stories[topic].len(), stories[topic].trimmed())).unzip();
        let (heads, tails): (Vec<_>, Vec<_>) = (heads, tails);
        let told = |reason, topic, from, places: &[usize]| Hello { reason, topic, from, places: places.to_vec() };
        let known = match from {
            From::Before(back) => {
                client.ids.truncate(client.ids.len().saturating_sub(back));
                client.ids.last().cloned()
            }
            _ => None,
        };
        let (id, places, hello) = match (from, known) {
            (From::Garbage, _) => {
                let id = "1.of-another-kind".to_owned();
                let hello = told(Some("malformed"), None, Some(id.clone()), &heads);
                (Some(id), heads, vec![hello])
            }
            (_, Some((id, mut places))) => {
                let mut hello = Vec::new();
                for (nth, &tail) in tails.iter().enumerate() {
                    if places[nth] < tail {
                        let seen = std::mem::replace(&mut places[nth], tail);
                        if !stories[client.follows[nth]].misses(client.readers[nth].on_lag, seen, tail) {
                            continue;
                        }
                        let topic = (tails.len() > 1).then(|| client.follows[nth]);
                        hello.push(told(Some("trimmed"), topic, Some(id.clone()), &places));
                    }
                }
                if hello.is_empty() {
                    hello.push(told(None, None, None, &places));
                }
                (Some(id), places, hello)
            }
            (From::Earliest, None) => (None, tails.clone(), vec![told(None, None, None, &tails)]),
            (_, None) => (None, heads.clone(), vec![told(None, None, None, &heads)]),
        };
        for (reader, place) in client.readers.iter_mut().zip(places) {
            (reader.seen, reader.caught_up, reader.ended) = (place, false, false);
        }
        for (reader, &topic) in client.readers.iter_mut().zip(&client.follows) {
            reader.ends = stories[topic].ends();
        }
        client.hello = hello;

        let names = client.follows.iter().map(|&topic| TOPICS[topic]);
        let id = id.map(|id| EventId::new(id).expect("it was an id"));
        let reader = client.readers[0];
        let mut subscribe = hub.subscribe(names, id).expect("they can be topics").on_lag(reader.on_lag);
        if let Some(most) = reader.max_lag {
            subscribe = subscribe.max_lag(most as u64, u64::MAX);
        }
        if let From::Earliest = from {
            subscribe = subscribe.earliest();
        }
        let stream = subscribe.into_future().now_or_never().expect("in memory it is done at once").expect("it opens");
        client.open(stream);
    }

    /// Reads once. False when nothing is there.
    pub(crate) fn read(&mut self, index: usize) -> bool {
        let client = &mut self.clients[index];
        let stream = client.stream.as_mut().expect("it is connected");
        let came = stream.next().now_or_never();
        let mut next: Vec<_> = client.readers.clone();
        let next_of = |nth: usize, next: &mut Vec<Reader>| self.stories[client.follows[nth]].next(&mut next[nth]);
        match came {
            None => {
                assert!(client.hello.is_empty(), "it waits, and should say {:?}", client.hello);
                for nth in 0..client.follows.len() {
                    assert_eq!(next_of(nth, &mut next), Next::Nothing, "it waits, of {:?}", client.readers);
                }
                client.readers = next;
                return false;
            }
            Some(None) => {
                assert!(client.hello.is_empty(), "it ends, and should say {:?}", client.hello);
                let ends: Vec<_> = (0..client.follows.len()).map(|nth| next_of(nth, &mut next)).collect();
                client.stream = None;
                let is_right = match client.closed.lock().expect("nobody panics with it").expect("it has ended") {
                    CloseReason::Lagged => ends.contains(&Next::Closed),
                    CloseReason::Failed => ends.contains(&Next::Ended(true)),
                    CloseReason::Completed => {
                        ends == [Next::Ended(false)] || ends.len() > 1 && next.iter().all(|reader| reader.ended)
                    }
                    _ => false,
                };
                assert!(is_right, "it ends, of {:?}", client.readers);
                return false;
            }
            Some(Some(event)) => {
                let id = event.as_id().expect("whatever comes has an id").to_string();
                let places = if client.hello.is_empty() {
                    let nth = client.follows.iter().position(|&topic| is_of(&event, topic, client.follows.len()));
                    let nth = nth.expect("it is of a topic that is followed");
                    let from = client.readers[nth].seen;
                    let story = &self.stories[client.follows[nth]];
                    let is = story.next(&mut client.readers[nth]);
                    let expected = match is {
                        Next::Event(index) => story.text(index),
                        Next::Lagged(_) => "gap".to_owned(),
                        other => panic!("{other:?} was to come of {}, and not {event:?}", story.name),
                    };
                    match is {
                        Next::Lagged(_) => {
                            let data = gap(&event, "lagged", &id);
                            if client.follows.len() == 1 {
                                assert_eq!(story.id(from).unwrap_or_default(), data["from"], "the hole begins there");
                            }
                        }
                        _ => assert_eq!((event.as_data(), event.as_event()), (Some(&*expected), None)),
                    }
                    client.readers.iter().map(|reader| reader.seen).collect()
                } else {
                    let hello = client.hello.remove(0);
                    match hello.reason {
                        None => {
                            assert_eq!((event.as_data(), event.as_event()), (None, None), "a checkpoint: {event:?}");
                        }
                        Some(reason) => {
                            let data = gap(&event, reason, &id);
                            assert_eq!(data["topic"].as_str(), hello.topic.map(|topic| TOPICS[topic]));
                            assert_eq!(data["from"].as_str(), hello.from.as_deref());
                        }
                    }
                    hello.places
                };
                match &client.follows[..] {
                    [topic] => self.stories[*topic].assert_id(places[0], &id),
                    follows => {
                        let list: usize = follows.iter().map(|topic| 1 << topic).sum();
                        self.composites[list].assert_id(&places, &id);
                    }
                }
                client.ids.push((id, places));
            }
        }
        true
    }
}

/// Whether the event is of that topic: its data says so, or, of a gap, that of the only one.
fn is_of(event: &Event, topic: usize, follows: usize) -> bool {
    let data = event.as_data().unwrap_or_default();
    match serde_json::from_str::<serde_json::Value>(data) {
        Ok(gap) => follows == 1 || gap["topic"] == TOPICS[topic],
        Err(_) => data.starts_with(TOPICS[topic]),
    }
}

/// The data of an event that must be this gap.
fn gap(event: &Event, reason: &str, id: &str) -> serde_json::Value {
    assert_eq!(event.as_event().map(ToString::to_string).as_deref(), Some("gap"), "{reason} was to come: {event:?}");
    let data: serde_json::Value = serde_json::from_str(event.as_data().unwrap_or_default()).expect("JSON");
    assert_eq!((data["reason"].as_str(), data["resumed_at"].as_str()), (Some(reason), Some(id)));
    data
}
