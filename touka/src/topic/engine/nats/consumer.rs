//! [`Consumer`], which reads messages of a subject in order.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::task::Poll;

use async_nats::{Message, Subscriber};
use serde_json::json;
use tokio::time::{Duration, Instant, sleep, timeout_at};

use super::api::{StoredMessage, Stream, call};
use super::fault::NatsFault;
use super::requests::{Requests, next, soon};
use super::time::nanos;

/// A consumer on the server, which reads messages of a subject in order. The server removes it when it is not used.
pub(super) struct Consumer<'a> {
    requests: &'a Requests,
    stream: &'a Stream,
    name: String,
    /// The subject to which the server sends the messages, and its subscription. They keep the subjects that they are
    /// stored with, so the inbox of the requests would not know whose they are.
    inbox: String,
    messages: Subscriber,
    /// The number of messages that are left to read.
    pub(super) pending: u64,
    /// The number of messages that were read.
    read: u64,
}

/// The bounds of one read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch {
    pub(super) messages: usize,
    pub(super) bytes: usize,
    /// The sequence of the last message that is wanted.
    pub(super) until: u64,
}

/// The time without a request after which the server removes a consumer.
const UNUSED: Duration = Duration::from_secs(5);

/// The time after which the server ends a request for messages that it counts and does not have.
const EXPIRES: Duration = Duration::from_secs(1);

/// The time after a message without another one, after which those of a request are taken to be all. The server ends a
/// request without a word if a message fills its bytes to the last one.
const IDLE: Duration = Duration::from_millis(250);

/// The pause before a request is repeated that has reached no server of a new consumer. It doubles with each of them.
const PAUSE: Duration = Duration::from_millis(5);
const MAX_PAUSE: Duration = Duration::from_millis(500);

impl<'a> Consumer<'a> {
    /// Begins at the first message of the subject from this sequence on.
    pub(super) async fn open(
        requests: &'a Requests,
        stream: &'a Stream,
        subject: &str,
        from: u64,
        deadline: Instant,
    ) -> Result<Self, NatsFault> {
        let body = json!({
            "stream_name": stream.name,
            "config": {
                "deliver_policy": "by_start_sequence",
                "opt_start_seq": from.max(1),
                "ack_policy": "none",
                "filter_subject": subject,
                "mem_storage": true,
                "inactive_threshold": nanos(UNUSED),
            },
        });
        let created = call(requests, &format!("CONSUMER.CREATE.{}", stream.name), &body, deadline)
            .await?
            .map_err(|error| error.into_fault(requests))?;
        let name = created["name"].as_str().ok_or_else(|| NatsFault::answer(requests.link.place()))?.to_owned();
        let pending = created["num_pending"].as_u64().unwrap_or(0);
        let inbox = requests.link.client().new_inbox();
        let messages = requests.link.subscribe(inbox.clone(), deadline).await?;
        Ok(Self { requests, stream, name, inbox, messages, pending, read: 0 })
    }

    /// Reads the next messages: at least one if there is any. Returns none at the end.
    pub(super) async fn read(&mut self, batch: Batch, deadline: Instant) -> Result<Vec<StoredMessage>, NatsFault> {
        let most = batch.messages.min(usize::try_from(self.pending).unwrap_or(usize::MAX)).max(1);
        if self.pending == 0 {
            return Ok(Vec::new());
        }
        let mut read = self.read_some(most, Some(batch.bytes), batch.until, deadline).await?;
        if read.is_empty() {
            // The first message is larger than the bound.
            read = self.read_some(1, None, batch.until, deadline).await?;
        }
        if read.last().is_none_or(|last| last.sequence >= batch.until) {
            // All that is wanted was read, or the server counts messages that it does not have any more.
            self.pending = 0;
        }
        Ok(read)
    }

    async fn read_some(
        &mut self,
        most: usize,
        bytes: Option<usize>,
        until: u64,
        deadline: Instant,
    ) -> Result<Vec<StoredMessage>, NatsFault> {
        let mut body = json!({ "batch": most, "no_wait": true, "expires": nanos(EXPIRES) });
        if let Some(bytes) = bytes {
            body["max_bytes"] = bytes.into();
        }
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{}.{}", self.stream.name, self.name);
        let (link, inbox) = (&self.requests.link, self.inbox.clone());
        let ask = || link.ask(subject.clone(), inbox.clone(), body.to_string(), deadline);
        ask().await?;
        let (mut messages, mut pause) = (Vec::<StoredMessage>::new(), PAUSE);
        while messages.len() < most && messages.last().is_none_or(|last| last.sequence < until) {
            let wait = if messages.is_empty() { deadline } else { deadline.min(Instant::now() + IDLE) };
            let Some(reply) = self.next(wait).await? else {
                // What comes later is read with the next request.
                return if messages.is_empty() { Err(self.requests.link.unanswered()) } else { Ok(messages) };
            };
            // 404: no message is left. 408: the request has expired. 409: the next message exceeds the bytes.
            match reply.status.map(|status| status.as_u16()) {
                None => {}
                Some(404 | 408 | 409) => break,
                // In a cluster, the server of this connection may not have heard of the consumer yet.
                Some(503) if self.read == 0 && pause <= MAX_PAUSE => {
                    sleep(pause).await;
                    pause *= 2;
                    ask().await?;
                    continue;
                }
                Some(_) => return Err(NatsFault::no_responders(self.requests.link.place())),
            }
            let (message, number, pending) =
                parse(reply).ok_or_else(|| NatsFault::answer(self.requests.link.place()))?;
            // Messages between may have been lost with a connection.
            if number != self.read + 1 {
                return Err(NatsFault::lost(self.requests.link.place()));
            }
            (self.read, self.pending) = (number, pending);
            messages.push(message);
        }
        Ok(messages)
    }

    /// Waits for the next message, or for a change of the connection: then it was lost. Returns `None` at the deadline.
    async fn next(&mut self, deadline: Instant) -> Result<Option<Message>, NatsFault> {
        let mut changes = self.requests.link.changes();
        let (mut message, mut changed) = (pin!(next(&mut self.messages)), pin!(changes.changed()));
        let either = poll_fn(|cx| match message.as_mut().poll(cx) {
            Poll::Ready(message) => Poll::Ready(message),
            Poll::Pending => changed.as_mut().poll(cx).map(|_| None),
        });
        match timeout_at(deadline, either).await {
            Ok(Some(message)) => Ok(Some(message)),
            Ok(None) => Err(NatsFault::lost(self.requests.link.place())),
            Err(_) => Ok(None),
        }
    }

    /// Removes the consumer from the server, without waiting for the answer: it would expire in any case.
    pub(super) async fn close(self) {
        let subject = format!("$JS.API.CONSUMER.DELETE.{}.{}", self.stream.name, self.name);
        let _ = self.requests.link.send(subject, Vec::new(), soon()).await;
    }
}

/// The message, its number among those of the consumer, and the number of those that are left.
fn parse(message: Message) -> Option<(StoredMessage, u64, u64)> {
    let reply = message.reply?;
    let tokens: Vec<_> = reply.split('.').collect();
    // `$JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<number>.<time>.<pending>`; newer servers have a domain and an
    // account before the stream, and a token at the end.
    let tokens = match tokens.len() {
        9 => &tokens[5..9],
        11.. => &tokens[7..11],
        _ => return None,
    };
    let number = |index: usize| tokens[index].parse::<u64>().ok();
    let message = StoredMessage { sequence: number(0)?, time: number(2)? / 1_000_000, data: message.payload };
    Some((message, number(1)?, number(3)?))
}
