//! A topic has one type of values, and a subscriber in the process gets them as values.

use std::any::type_name;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum_core::response::IntoResponse;
use futures_util::{FutureExt, StreamExt};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use touka::topic::{OnLag, Retention};
use touka::{CloseReason, Event, EventId, Hub, IntoEvent, Topic};

#[derive(Clone, Debug, PartialEq, IntoEvent)]
#[event(read, rename_all = "snake_case")]
#[serde(rename_all_fields = "camelCase")]
enum Everything {
    Unit,
    Lone(Vec<u8>),
    Pair(u8, String),
    #[event(data = "text")]
    Text(char),
    #[event(name = "an own name")]
    Named {
        some_field: Option<String>,
        #[serde(rename = "x")]
        other_field: u8,
    },
    #[serde(rename_all = "UPPERCASE")]
    Upper {
        some_field: Inner,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        list: Vec<Self>,
    },
    #[event(name = "message")]
    Plain {
        #[serde(with = "half")]
        doubled: u32,
        #[serde(flatten)]
        rest: Inner,
        #[serde(skip)]
        skipped: bool,
    },
    Empty {},
    Retry(#[event(retry)] Duration, u8),
    MaybeRetry {
        #[event(retry)]
        after: Option<Duration>,
        text: String,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Inner {
    a: u8,
    b: Option<bool>,
}

impl Serialize for Everything {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("unit")
    }
}

impl<'de> Deserialize<'de> for Everything {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|_| Self::Unit)
    }
}

/// Serialized as twice its value.
mod half {
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub(super) fn serialize<S: Serializer>(value: &u32, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(value * 2)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
        Ok(u32::deserialize(deserializer)? / 2)
    }
}

#[derive(Clone, Debug, PartialEq, IntoEvent)]
#[event(read, name = "progress")]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Progress {
    percent_done: u8,
}

#[derive(Clone, Debug, PartialEq, IntoEvent)]
#[event(read)]
struct Done;

#[derive(Clone, Debug, PartialEq, IntoEvent)]
#[event(read, data = "text")]
struct Line(String);

/// A type that is only sent and never read back needs nothing more than this.
#[derive(Debug, IntoEvent)]
enum WireOnly {
    Tick { text: &'static str },
}

fn everything() -> Vec<Everything> {
    use Everything::{Empty, Lone, MaybeRetry, Named, Pair, Plain, Retry, Text, Unit, Upper};
    let inner = Inner { a: 1, b: Some(true) };
    vec![
        Unit,
        Lone(vec![1, 2]),
        Pair(7, "two\nlines".into()),
        Text('\u{fc}'),
        Named { some_field: None, other_field: 3 },
        Named { some_field: Some(String::new()), other_field: 3 },
        Upper { some_field: inner.clone(), list: Vec::new() },
        Upper { some_field: inner.clone(), list: vec![Unit] },
        Plain { doubled: 21, rest: inner, skipped: false },
        Empty {},
        Retry(Duration::from_millis(1500), 9),
        MaybeRetry { after: None, text: "x".into() },
        MaybeRetry { after: Some(Duration::from_secs(1)), text: "x".into() },
    ]
}

/// Reads values back from a topic, and from their events.
async fn round_trip<T: IntoEvent + Clone + Debug + PartialEq + Send + 'static>(values: Vec<T>) {
    let topic: Topic<T> = Hub::memory().topic("a").expect("a valid topic name");
    let mut stream = topic.subscribe(None).await.expect("a valid topic name");
    for value in values {
        let event = value.clone().into_event().expect("a valid topic name");
        assert_eq!(T::from_event(event).expect("a valid topic name"), value);
        topic.publish(value.clone()).await.expect("a valid topic name");
        assert_eq!(stream.next().await, Some(value));
    }
    assert!(stream.next().now_or_never().is_none(), "the stream waits for more");
}

#[tokio::test]
async fn values_come_back_as_they_were_published() {
    round_trip(everything()).await;
    round_trip(vec![Progress { percent_done: 50 }]).await;
    round_trip(vec![Done]).await;
    round_trip(vec![Line("a\nb".into()), Line(String::new())]).await;
    round_trip(vec!["plain".to_owned()]).await;
}

#[derive(Debug, PartialEq, IntoEvent)]
#[event(read)]
enum WithId {
    Number {
        #[event(id)]
        number: u64,
        text: String,
    },
    Maybe(#[event(id)] Option<EventId>, u8),
}

#[tokio::test]
async fn ids_come_back_from_events_and_are_positions_in_a_topic() {
    let number = || WithId::Number { number: 7, text: "x".into() };
    assert_eq!(WithId::from_event(number().into_event().unwrap()).unwrap(), number());
    for id in [None, Some(EventId::from(9_u64))] {
        let maybe = || WithId::Maybe(id.clone(), 3);
        assert_eq!(WithId::from_event(maybe().into_event().unwrap()).unwrap(), maybe());
    }
    // A topic gives each event its position as the id: a field that accepts any id gets that.
    let topic: Topic<WithId> = Hub::memory().topic("a").unwrap();
    let mut stream = topic.subscribe(None).await.unwrap();
    let id = topic.publish(WithId::Maybe(None, 3)).await.unwrap();
    assert_eq!(stream.next().await, Some(WithId::Maybe(Some(id), 3)));
    let error = WithId::from_event(number().into_event().unwrap().id("1.position")).unwrap_err();
    assert!(error.is_deserialize() && error.to_string().contains("position"), "{error}");
}

#[test]
fn an_event_of_another_type_is_an_error_that_says_why() {
    for (event, reason) in [
        (Event::data("{}").event("unknown"), "unknown"),
        (Event::data("no JSON").event("progress"), "JSON"),
        (Event::new().event("progress"), "JSON"),
        (Event::data(r#"{"percentDone":1,"more":2}"#).event("progress"), "JSON"),
        (Event::data(r#"{"percentDone":1}"#), "message"),
    ] {
        let error = Progress::from_event(event).unwrap_err();
        assert!(error.is_deserialize() && error.to_string().contains(reason), "{error}");
        assert!(error.to_string().contains(type_name::<Progress>()), "{error}");
    }
    let error = WireOnly::from_event(Event::data("x")).unwrap_err();
    assert!(error.is_deserialize() && error.to_string().contains("#[event(read)]"), "{error}");
}

/// Reads to the end: the values, and the reason.
async fn read<T: IntoEvent + Send + 'static>(topic: &Topic<T>) -> (Vec<T>, Option<CloseReason>) {
    let reason = Arc::new(Mutex::new(None));
    let tell = Arc::clone(&reason);
    let stream = topic.subscribe(None).earliest().await.expect("a valid topic name");
    let mut stream = stream.on_close(move |reason| *tell.lock().expect("not poisoned") = Some(reason));
    let mut values = Vec::new();
    while let Some(Some(value)) = stream.next().now_or_never() {
        values.push(value);
    }
    drop(stream);
    let reason = *reason.lock().expect("not poisoned");
    (values, reason)
}

#[tokio::test]
async fn an_unreadable_event_is_no_clean_end() {
    let hub = Hub::memory();
    let wire: Topic<WireOnly> = hub.topic("wire").unwrap();
    wire.publish(WireOnly::Tick { text: "x" }).await.unwrap();
    let (values, reason) = read(&wire).await;
    assert!(values.is_empty());
    assert_eq!(reason, Some(CloseReason::Failed));
    // A subscriber gets the values before the unreadable event.
    let progress: Topic<Progress> = hub.topic("progress").unwrap();
    progress.publish(Progress { percent_done: 1 }).await.unwrap();
    hub.topic::<Event>("progress").unwrap().publish("of another type").await.unwrap();
    let (values, reason) = read(&progress).await;
    assert_eq!(values, [Progress { percent_done: 1 }]);
    assert_eq!(reason, Some(CloseReason::Failed));
}

/// A type whose conversion panics or uses the topic, as user code may.
#[derive(Debug)]
struct UserCode;

impl IntoEvent for UserCode {
    fn into_event(self) -> touka::Result<Event> {
        Ok(Event::data("x"))
    }

    fn from_event(event: Event) -> touka::Result<Self> {
        HOSTILE.with_borrow(|topic| match topic {
            // A conversion may use the topic.
            Some(topic) => {
                assert_eq!(topic.subscribers(), 1);
                Ok(Self)
            }
            None => panic!("reading {event:?} panics on purpose"),
        })
    }
}

thread_local! {
    static HOSTILE: std::cell::RefCell<Option<Topic<UserCode>>> = const { std::cell::RefCell::new(None) };
}

#[tokio::test]
async fn a_conversion_may_panic_or_use_the_topic() {
    let topic: Topic<UserCode> = Hub::memory().topic("a").unwrap();
    topic.publish(UserCode).await.unwrap();
    let (values, reason) = read(&topic).await;
    assert!(values.is_empty());
    assert_eq!(reason, Some(CloseReason::Panicked));
    HOSTILE.set(Some(topic.clone()));
    let (values, _) = read(&topic).await;
    assert_eq!(values.len(), 1);
    assert_eq!(topic.subscribers(), 0);
}

#[tokio::test]
async fn a_reader_of_values_goes_on_past_gaps() {
    let topic = Hub::memory().topic::<Line>("a").unwrap();
    topic.set_retention(Retention::new().events(1));
    let mut stream = topic.subscribe(None).on_lag(OnLag::Skip).await.unwrap();
    for text in ["1", "2", "3"] {
        topic.publish(Line(text.into())).await.unwrap();
    }
    assert!(stream.next().now_or_never().is_none(), "the three trimmed events are skipped");
    topic.publish(Line("4".into())).await.unwrap();
    assert_eq!(stream.next().await, Some(Line("4".into())));
}

#[tokio::test]
async fn a_name_has_one_type() {
    let hub = Hub::memory();
    let _raw: Topic = hub.topic("a").unwrap();
    let typed = hub.topic::<Progress>("a").unwrap();
    let _again = hub.topic::<Progress>("a").unwrap();
    let error = hub.topic::<Done>("a").unwrap_err();
    assert!(error.is_type() && !error.is_name(), "{error:?}");
    let text = error.to_string();
    for part in ["\"a\"", type_name::<Progress>(), type_name::<Done>(), "Event"] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
    assert_eq!(error.into_response().status(), StatusCode::INTERNAL_SERVER_ERROR);
    let _other = hub.topic::<Done>("b").unwrap();
    // `Event` is a view of every topic: it reads, it publishes, and it is not the topic's type.
    let raw: Topic = hub.topic("a").unwrap();
    let mut stream = raw.subscribe(None).await.unwrap().skip(1);
    typed.publish(Progress { percent_done: 1 }).await.unwrap();
    assert_eq!(stream.next().await.unwrap().as_data(), Some(r#"{"percentDone":1}"#));
    let mut several = hub.subscribe(["a", "b"], None).unwrap().await.unwrap();
    assert!(several.next().await.unwrap().as_id().is_some());
}
