//! [`Requests`], requests to NATS and their replies.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::{HeaderMap, Message, StatusCode, Subscriber};
use bytes::Bytes;
use futures_core::Stream as _;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use super::fault::NatsFault;
use super::link::Link;
use crate::sync::Mutex;

/// Requests to NATS and their replies. Each gets one; all of them arrive at one subscription.
///
/// The requests of the client crate are not used: one that gets no reply is never removed from its memory.
pub(super) struct Requests {
    pub(super) link: Link,
    inbox: String,
    waiting: Arc<Waiting>,
    dispatcher: AbortHandle,
}

#[derive(Default)]
struct Waiting {
    last: AtomicU64,
    replies: Mutex<HashMap<u64, oneshot::Sender<Message>>>,
}

/// A request that waits for its reply. Dropping it ends the wait.
struct Pending<'a> {
    waiting: &'a Waiting,
    number: u64,
}

impl Requests {
    pub(super) async fn open(link: Link, deadline: Instant) -> Result<Self, NatsFault> {
        let inbox = link.client().new_inbox();
        let subscriber = link.subscribe(format!("{inbox}.*"), deadline).await?;
        let waiting = Arc::<Waiting>::default();
        let dispatcher = tokio::spawn(dispatch(subscriber, Arc::clone(&waiting))).abort_handle();
        Ok(Self { link, inbox, waiting, dispatcher })
    }

    /// Sends a request and waits for its reply.
    pub(super) async fn request(
        &self,
        subject: String,
        headers: HeaderMap,
        payload: Bytes,
        deadline: Instant,
    ) -> Result<Message, NatsFault> {
        self.link.connected(deadline).await?;
        let number = self.waiting.last.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.waiting.replies.lock().insert(number, sender);
        let _pending = Pending { waiting: &self.waiting, number };
        let (inbox, client) = (format!("{}.{number:x}", self.inbox), self.link.client());
        let send = async {
            if headers.is_empty() {
                client.publish_with_reply(subject, inbox, payload).await
            } else {
                client.publish_with_reply_and_headers(subject, inbox, headers, payload).await
            }
        };
        match timeout_at(deadline, send).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(NatsFault::unreachable(self.link.place(), &error.to_string())),
            Err(_) => return Err(self.link.unanswered()),
        }
        match timeout_at(deadline, receiver).await {
            Ok(Ok(reply)) if reply.status == Some(StatusCode::NO_RESPONDERS) => {
                Err(NatsFault::no_responders(self.link.place()))
            }
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(_)) => Err(NatsFault::lost(self.link.place())),
            Err(_) => Err(self.link.unanswered()),
        }
    }

    /// Ends all waits: the connection was lost, and the replies with it.
    pub(super) fn fail_all(&self) {
        self.waiting.replies.lock().clear();
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.waiting.replies.lock().remove(&self.number);
    }
}

async fn dispatch(mut subscriber: Subscriber, waiting: Arc<Waiting>) {
    while let Some(message) = next(&mut subscriber).await {
        let number = message.subject.rsplit('.').next().and_then(|number| u64::from_str_radix(number, 16).ok());
        let waiting = number.and_then(|number| waiting.replies.lock().remove(&number));
        if let Some(waiting) = waiting {
            let _ = waiting.send(message);
        }
    }
}

/// The next message of a subscription. `None` if its client has ended.
pub(super) async fn next(subscriber: &mut Subscriber) -> Option<Message> {
    std::future::poll_fn(|cx| Pin::new(&mut *subscriber).poll_next(cx)).await
}

/// The deadline of a request for which the caller sets none.
pub(super) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

impl Drop for Requests {
    fn drop(&mut self) {
        self.dispatcher.abort();
    }
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Requests").field(&self.link).finish()
    }
}
