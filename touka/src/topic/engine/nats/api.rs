//! [`Stream`], a `JetStream` stream, and the requests about it.

use std::sync::atomic::{AtomicBool, Ordering};

use async_nats::{HeaderMap, HeaderValue, Message};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::fault::NatsFault;
use super::requests::Requests;
use super::time::parse_time;

/// The stream does not exist.
pub(super) const NO_STREAM: u64 = 10059;

/// No message was found.
const NO_MESSAGE: u64 = 10037;

/// The status of a reply that no message was found.
const NOT_FOUND: u16 = 404;

/// A message with the same id is being stored.
const IN_PROCESS: u64 = 10158;

/// The last sequence of the subject is another one than expected, or a message of the subject is being stored.
const OTHER_SEQUENCE: [u64; 2] = [10071, 10164];

/// A stream on the server.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) name: String,
    /// Whether messages are read from the stream itself, and not through the API.
    ///
    /// With replicas, each of their servers would answer, and some of them late. Without, the API is avoided:
    /// nats-server 2.9.10 crashes if a message is read through it while the stream is being created.
    is_direct: AtomicBool,
}

impl Stream {
    pub(super) fn new(name: String) -> Self {
        Self { name, is_direct: AtomicBool::new(true) }
    }

    /// Sets from where messages are read, by the settings of the stream.
    pub(super) fn configure(&self, config: &Value) {
        let is_direct = config["allow_direct"] == true && config["num_replicas"] == 1;
        self.is_direct.store(is_direct, Ordering::Relaxed);
    }
}

/// A message of a stream.
#[derive(Debug)]
pub(super) struct StoredMessage {
    pub(super) sequence: u64,
    /// The time at which the server has stored it, in milliseconds of Unix time.
    pub(super) time: u64,
    pub(super) data: Bytes,
}

/// Which message of a subject is read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which {
    /// The first one from this sequence on.
    From(u64),
    Last,
}

/// The outcome of a publish to a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ack {
    Stored {
        sequence: u64,
    },
    /// A message with this id was stored before, at this sequence.
    Duplicate {
        sequence: u64,
    },
    /// The last sequence of the subject is not the expected one.
    OtherSequence,
}

/// An error reply of the API.
#[derive(Debug)]
pub(super) struct ApiError {
    pub(super) code: u64,
    status: u64,
    text: String,
}

impl ApiError {
    fn of(reply: &Value) -> Option<Self> {
        let error = reply.get("error")?;
        let text =
            error["description"].as_str().unwrap_or("an error without a description").chars().take(300).collect();
        Some(Self { code: error["err_code"].as_u64().unwrap_or(0), status: error["code"].as_u64().unwrap_or(0), text })
    }

    pub(super) fn into_fault(self, requests: &Requests) -> NatsFault {
        if self.code == IN_PROCESS {
            return NatsFault::in_process(requests.link.place());
        }
        // 503: the stream has no leader, or the servers have no resources left. 10047 is the latter, and lasts.
        let is_passing = self.status == 503 && self.code != 10047 || self.code == NO_STREAM;
        NatsFault::server(requests.link.place(), is_passing, &format!("{} ({})", self.text, self.code))
    }
}

/// Calls the API of `JetStream`.
pub(super) async fn call(
    requests: &Requests,
    what: &str,
    body: &Value,
    deadline: Instant,
) -> Result<Result<Value, ApiError>, NatsFault> {
    let body = if body.is_null() { Bytes::new() } else { body.to_string().into() };
    let reply = requests.request(format!("$JS.API.{what}"), HeaderMap::new(), body, deadline).await?;
    let reply: Value = serde_json::from_slice(&reply.payload).map_err(|_| NatsFault::answer(requests.link.place()))?;
    Ok(match ApiError::of(&reply) {
        Some(error) => Err(error),
        None => Ok(reply),
    })
}

impl Stream {
    /// Reads a message of a subject. Returns `None` if there is none.
    ///
    /// The answer is that of the leader of the stream: other servers may not have the newest messages yet.
    pub(super) async fn get(
        &self,
        requests: &Requests,
        subject: &str,
        which: Which,
        deadline: Instant,
    ) -> Result<Option<StoredMessage>, NatsFault> {
        let body = match which {
            Which::From(sequence) => json!({ "seq": sequence.max(1), "next_by_subj": subject }),
            Which::Last => json!({ "last_by_subj": subject }),
        };
        self.get_message(requests, &body, deadline).await
    }

    /// Reads the message at a sequence.
    pub(super) async fn get_at(
        &self,
        requests: &Requests,
        sequence: u64,
        deadline: Instant,
    ) -> Result<Option<StoredMessage>, NatsFault> {
        self.get_message(requests, &json!({ "seq": sequence }), deadline).await
    }

    async fn get_message(
        &self,
        requests: &Requests,
        body: &Value,
        deadline: Instant,
    ) -> Result<Option<StoredMessage>, NatsFault> {
        if self.is_direct.load(Ordering::Relaxed) {
            let (subject, body) = (format!("$JS.API.DIRECT.GET.{}", self.name), body.to_string().into());
            let reply = requests.request(subject, HeaderMap::new(), body, deadline).await?;
            return parse_direct(reply).ok_or_else(|| NatsFault::answer(requests.link.place()));
        }
        match call(requests, &format!("STREAM.MSG.GET.{}", self.name), body, deadline).await? {
            Ok(reply) => {
                parse_message(&reply["message"]).map(Some).ok_or_else(|| NatsFault::answer(requests.link.place()))
            }
            Err(error) if error.code == NO_MESSAGE => Ok(None),
            Err(error) => Err(error.into_fault(requests)),
        }
    }

    /// Publishes a message. One with the id of an earlier message is not stored again. With an expectation, it is stored if
    /// the last message of the subject has this sequence; 0 for none.
    pub(super) async fn publish(
        &self,
        requests: &Requests,
        subject: String,
        id: Option<&str>,
        expected: Option<u64>,
        payload: Vec<u8>,
        deadline: Instant,
    ) -> Result<Ack, NatsFault> {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Expected-Stream", self.name.as_str());
        if let Some(id) = id {
            headers.insert("Nats-Msg-Id", id);
        }
        if let Some(expected) = expected {
            headers.insert("Nats-Expected-Last-Subject-Sequence", expected.to_string().as_str());
        }
        let reply = requests.request(subject, headers, payload.into(), deadline).await?;
        let reply: Value =
            serde_json::from_slice(&reply.payload).map_err(|_| NatsFault::answer(requests.link.place()))?;
        if let Some(error) = ApiError::of(&reply) {
            return if OTHER_SEQUENCE.contains(&error.code) {
                Ok(Ack::OtherSequence)
            } else {
                Err(error.into_fault(requests))
            };
        }
        match reply["seq"].as_u64() {
            // A duplicate of a message that a former leader had not stored for good.
            None | Some(0) => Err(requests.link.unanswered()),
            Some(sequence) if reply["duplicate"].as_bool() == Some(true) => Ok(Ack::Duplicate { sequence }),
            Some(sequence) => Ok(Ack::Stored { sequence }),
        }
    }

    /// Deletes the message at a sequence, if there is one.
    pub(super) async fn delete(&self, requests: &Requests, sequence: u64, deadline: Instant) -> Result<(), NatsFault> {
        let body = json!({ "seq": sequence, "no_erase": true });
        // The error says that there is none.
        call(requests, &format!("STREAM.MSG.DELETE.{}", self.name), &body, deadline).await.map(drop)
    }
}

/// Parses a message that is a reply itself. Returns `Some(None)` for the reply that there is none.
#[expect(clippy::option_option, reason = "a reply that cannot be parsed is not one that there is no message")]
fn parse_direct(reply: Message) -> Option<Option<StoredMessage>> {
    if reply.status.is_some_and(|status| status.as_u16() == NOT_FOUND) {
        return Some(None);
    }
    let header = |name: &str| reply.headers.as_ref()?.get(name).map(HeaderValue::as_str);
    let (sequence, time) = (header("Nats-Sequence")?.parse().ok()?, parse_time(header("Nats-Time-Stamp")?)?);
    Some(Some(StoredMessage { sequence, time, data: reply.payload }))
}

fn parse_message(message: &Value) -> Option<StoredMessage> {
    let data = message["data"].as_str().map_or_else(|| Some(Vec::new()), |data| STANDARD.decode(data).ok())?;
    let (sequence, time) = (message["seq"].as_u64()?, parse_time(message["time"].as_str()?)?);
    Some(StoredMessage { sequence, time, data: data.into() })
}
