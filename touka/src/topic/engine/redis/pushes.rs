//! [`Pushes`], the messages that arrive on a listening connection.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use redis::{PushInfo, PushKind, Value};
use tokio::sync::mpsc;

use crate::sync::Mutex;

/// The maximum number of messages in the queue.
const MAX_QUEUED: usize = 16 * 1024;
/// The maximum size of the messages in the queue. One message alone may be larger.
const MAX_QUEUED_BYTES: usize = 64 * 1024 * 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Push {
    /// A message that was published to a channel.
    Message { channel: Bytes, payload: Bytes },
    /// Confirms a subscription: all messages that are published from now on follow.
    Subscribed(Bytes),
    /// Confirms that a subscription has ended.
    Unsubscribed(Bytes),
    /// Messages may be missing from here on, and none follow: the connection must be replaced. The text is the reason.
    Lost(&'static str),
}

impl Push {
    fn size(&self) -> usize {
        match self {
            Self::Message { channel, payload } => channel.len() + payload.len(),
            Self::Subscribed(channel) | Self::Unsubscribed(channel) => channel.len(),
            Self::Lost(_) => 0,
        }
    }
}

/// The receiving end.
#[derive(Debug)]
pub(super) struct Pushes {
    queue: mpsc::Receiver<Push>,
    shared: Arc<Shared>,
}

/// The sending end, for the task that reads the connection. It cannot wait: while it does, no reply is read either.
pub(super) struct PushSender {
    /// Taken when the connection counts as lost. The queue ends only when there is no sender, and the task owns the
    /// only `PushSender`: its end is the end of the queue, even if the crate sends no `Disconnection`. An error while
    /// writing is such a case.
    queue: Mutex<Option<mpsc::Sender<Push>>>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    queued_bytes: AtomicUsize,
    /// Set when the queue was full and a message was dropped.
    overflowed: AtomicBool,
    /// The channels that the server sends, as of the last message that was read. Only in a cluster, where the server ends
    /// subscriptions by itself: the crate takes that message for the reply to a command, and so a reply proves nothing.
    subscribed: Option<Mutex<HashSet<Bytes>>>,
}

pub(super) fn channel() -> (PushSender, Pushes) {
    with_capacity(MAX_QUEUED, false)
}

/// A queue that also records which channels the server sends.
pub(super) fn recording_channel() -> (PushSender, Pushes) {
    with_capacity(MAX_QUEUED, true)
}

fn with_capacity(capacity: usize, is_recording: bool) -> (PushSender, Pushes) {
    let (sender, queue) = mpsc::channel(capacity);
    let subscribed = is_recording.then(Mutex::default);
    let shared = Arc::new(Shared { subscribed, ..Shared::default() });
    (PushSender { queue: Mutex::new(Some(sender)), shared: Arc::clone(&shared) }, Pushes { queue, shared })
}

impl Pushes {
    /// The channels that the server sends.
    pub(super) fn subscribed(&self) -> Subscribed {
        Subscribed(Arc::clone(&self.shared))
    }

    /// Returns the next message. After [`Push::Lost`] it returns only that. Dropping the future loses no message.
    pub(super) async fn next(&mut self) -> Push {
        match self.queue.recv().await {
            Some(push) => {
                self.shared.queued_bytes.fetch_sub(push.size(), Ordering::Relaxed);
                push
            }
            None if self.shared.overflowed.load(Ordering::Relaxed) => {
                Push::Lost("messages arrived faster than this process took them")
            }
            None => Push::Lost("the connection was closed"),
        }
    }
}

/// The channels that a server sends.
#[derive(Clone, Debug)]
pub(super) struct Subscribed(Arc<Shared>);

impl Subscribed {
    /// Whether the queue records the channels.
    pub(super) fn is_recorded(&self) -> bool {
        self.0.subscribed.is_some()
    }

    /// Whether the server sends this channel. Always true for a queue that does not record it.
    pub(super) fn has(&self, channel: &str) -> bool {
        self.0.subscribed.as_ref().is_none_or(|subscribed| subscribed.lock().contains(channel.as_bytes()))
    }
}

impl PushSender {
    pub(super) fn send(&self, info: PushInfo) {
        let disconnected = info.kind == PushKind::Disconnection;
        let Some(push) = decode(info).or_else(|| disconnected.then_some(Push::Lost(""))) else { return };
        if let Some(subscribed) = &self.shared.subscribed {
            match &push {
                Push::Subscribed(channel) => drop(subscribed.lock().insert(channel.clone())),
                Push::Unsubscribed(channel) => drop(subscribed.lock().remove(channel)),
                Push::Message { .. } | Push::Lost(_) => {}
            }
        }
        let mut queue = self.queue.lock();
        let Some(sender) = &*queue else { return };
        let size = push.size();
        if !disconnected {
            // Only this side adds, so the sum cannot grow between the two.
            let queued = self.shared.queued_bytes.load(Ordering::Relaxed);
            if queued == 0 || queued + size <= MAX_QUEUED_BYTES {
                // Added first: the receiver may subtract as soon as the message is in the queue.
                self.shared.queued_bytes.fetch_add(size, Ordering::Relaxed);
                if sender.try_send(push).is_ok() {
                    return;
                }
            }
            self.shared.overflowed.store(true, Ordering::Relaxed);
        }
        *queue = None;
    }
}

/// Converts a push message. Returns `None` for a kind that is not used here.
fn decode(info: PushInfo) -> Option<Push> {
    let mut data = info.data.into_iter();
    let mut bytes = || match data.next() {
        Some(Value::BulkString(bytes)) => Some(Bytes::from(bytes)),
        Some(Value::SimpleString(text)) => Some(Bytes::from(text)),
        _ => None,
    };
    Some(match info.kind {
        PushKind::Message | PushKind::SMessage => Push::Message { channel: bytes()?, payload: bytes()? },
        PushKind::Subscribe | PushKind::SSubscribe => Push::Subscribed(bytes()?),
        PushKind::Unsubscribe | PushKind::SUnsubscribe => Push::Unsubscribed(bytes()?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(payload: Vec<u8>) -> PushInfo {
        PushInfo {
            kind: PushKind::SMessage,
            data: vec![Value::BulkString(b"channel".to_vec()), Value::BulkString(payload)],
        }
    }

    fn payload(push: Push) -> Bytes {
        match push {
            Push::Message { payload, .. } => payload,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn an_overflow_ends_the_queue_after_its_contents() {
        let (sender, mut pushes) = with_capacity(2, false);
        for payload in [b"1", b"2", b"3", b"4"] {
            sender.send(message(payload.to_vec()));
        }
        assert_eq!(payload(pushes.next().await), "1");
        sender.send(message(b"5".to_vec()));
        assert_eq!(payload(pushes.next().await), "2");
        for _ in 0..2 {
            assert!(matches!(pushes.next().await, Push::Lost(why) if why.contains("faster")));
        }
    }

    #[tokio::test]
    async fn the_bytes_in_the_queue_are_bounded() {
        let (sender, mut pushes) = channel();
        sender.send(message(vec![0; MAX_QUEUED_BYTES + 1]));
        assert_eq!(payload(pushes.next().await).len(), MAX_QUEUED_BYTES + 1, "a message that is alone is taken");
        for _ in 0..3 {
            sender.send(message(vec![0; MAX_QUEUED_BYTES / 2]));
        }
        payload(pushes.next().await);
        assert!(matches!(pushes.next().await, Push::Lost(_)));
    }

    #[tokio::test]
    async fn the_channels_of_a_server_are_recorded() {
        let (sender, pushes) = recording_channel();
        let send = |kind| sender.send(PushInfo { kind, data: vec![Value::BulkString(b"a".to_vec()), Value::Int(1)] });
        let subscribed = pushes.subscribed();
        assert!(!subscribed.has("a"));
        send(PushKind::SSubscribe);
        assert!(subscribed.has("a") && !subscribed.has("b"));
        send(PushKind::SUnsubscribe);
        assert!(!subscribed.has("a"));
        assert!(channel().1.subscribed().has("a"));
    }

    #[tokio::test]
    async fn a_disconnection_and_a_dropped_sender_end_the_queue() {
        let (sender, mut pushes) = channel();
        sender.send(message(b"1".to_vec()));
        sender.send(PushInfo { kind: PushKind::Disconnection, data: Vec::new() });
        assert_eq!(payload(pushes.next().await), "1");
        assert_eq!(pushes.next().await, Push::Lost("the connection was closed"));

        let (sender, mut pushes) = channel();
        drop(sender);
        assert_eq!(pushes.next().await, Push::Lost("the connection was closed"));
    }
}
