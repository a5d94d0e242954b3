//! Leading: the right to run the feed of a topic, as a record on a server that expires unless its node extends it.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{AbortHandle, yield_now};
use tokio::time::{Instant, sleep, timeout};

use super::active::ActiveTopic;
use crate::stream::spread;
use crate::topic::engine::lead::{Lead, Standing};

/// The time after which another node takes over a feed whose node has vanished.
pub(in crate::topic::engine) const LIFETIME: Duration = Duration::from_secs(10);

/// The time between two extensions.
pub(in crate::topic::engine) const EXTEND_AFTER: Duration = Duration::from_secs(3);

/// The part of the lifetime in which a node may use its right. The rest is for clocks of different speed, and for publishes
/// in flight.
const USABLE: Duration = Duration::from_secs(8);

/// The time for one question to the server.
pub(in crate::topic::engine) const TIMEOUT: Duration = Duration::from_secs(2);

/// Whether a node has the right to run a feed.
pub(in crate::topic::engine) enum Holder {
    This,
    /// Another node has it for this time, unless that node extends it.
    Other(Duration),
}

/// The server that gives the right to run feeds.
pub(in crate::topic::engine) trait Leases: Send + Sync + Sized + 'static {
    type Fault: fmt::Debug + Send;

    /// Asks for the right for [`LIFETIME`], or extends it.
    fn ask_for_lead(&self, topic: &str, holder: &str) -> impl Future<Output = Result<Holder, Self::Fault>> + Send;

    /// Gives up the right.
    fn release_lead(&self, topic: &str, holder: &str) -> impl Future<Output = Result<(), Self::Fault>> + Send;

    /// The name of a holder that no other one has.
    fn new_holder(&self) -> String;

    /// The topic, if this node receives its events.
    fn active_topic(&self, topic: &str) -> Option<Arc<ActiveTopic>>;
}

/// Waits until this node has the right to run the feed of a topic.
pub(in crate::topic::engine) async fn lead<L: Leases>(leases: &Arc<L>, topic: &str) -> Lead {
    let held = Held::new(leases, topic);
    loop {
        let active = leases.active_topic(topic);
        // Before the question, so that no notification is missed between the answer and the wait.
        let mut is_free = pin!(active.as_ref().map(|active| active.is_lead_free.notified()));
        if active.as_ref().is_some_and(|active| active.is_left()) {
            // The topic has moved to another server. Its notification may have come before.
            yield_now().await;
            continue;
        }
        let asked = Instant::now();
        let wait = match leases.ask_for_lead(topic, &held.holder).await {
            Ok(Holder::This) => return held.extend(asked),
            Ok(Holder::Other(left)) => left,
            Err(fault) => {
                tracing::debug!(target: "touka::topic", topic, ?fault, "cannot ask who runs the feed");
                EXTEND_AFTER
            }
        };
        let wait = wait + spread(Duration::from_millis(50), Duration::from_secs(1));
        match is_free.as_mut().as_pin_mut() {
            // Waits for either.
            Some(is_free) => drop(timeout(wait, is_free).await),
            None => sleep(wait).await,
        }
    }
}

/// Guard that gives up the right, or a request for it that may have been granted meanwhile.
struct Held<L: Leases> {
    leases: Arc<L>,
    topic: Arc<str>,
    /// The name of the holder. Each request has its own: the right may be given up while the next request of the same node is
    /// granted, and must not be taken from it.
    holder: Arc<str>,
    /// The runtime of the connections. The right may be dropped in another one.
    runtime: Handle,
    /// The task that extends the right. `None` until it is granted.
    extending: Option<AbortHandle>,
}

impl<L: Leases> Held<L> {
    fn new(leases: &Arc<L>, topic: &str) -> Self {
        let holder = leases.new_holder().into();
        let runtime = Handle::current();
        Self { leases: Arc::clone(leases), topic: topic.into(), holder, runtime, extending: None }
    }

    /// Extends the right, which was granted after this time, until the result is dropped.
    fn extend(mut self, asked: Instant) -> Lead {
        let (standing, receiver) = watch::channel(Standing::Until(asked + USABLE));
        let (leases, topic) = (Arc::downgrade(&self.leases), Arc::clone(&self.topic));
        let holder = Arc::clone(&self.holder);
        let extending = tokio::spawn(async move {
            loop {
                sleep(EXTEND_AFTER).await;
                let Some(leases) = leases.upgrade() else { return };
                let asked = Instant::now();
                match leases.ask_for_lead(&topic, &holder).await {
                    Ok(Holder::This) => drop(standing.send_replace(Standing::Until(asked + USABLE))),
                    Ok(Holder::Other(_)) => {
                        tracing::warn!(target: "touka::topic", topic = &*topic, "another process runs the feed now");
                        standing.send_replace(Standing::Lost);
                        return;
                    }
                    // The feed waits when its time is over, and goes on when the server is back, unless another one runs.
                    Err(fault) => tracing::debug!(target: "touka::topic", topic = &*topic, ?fault, "cannot extend"),
                }
            }
        });
        self.extending = Some(extending.abort_handle());
        Lead::new(receiver, Arc::clone(&self.holder), self)
    }
}

impl<L: Leases> Drop for Held<L> {
    fn drop(&mut self) {
        if let Some(extending) = &self.extending {
            extending.abort();
        }
        // Once the runtime has shut down, the right expires by itself.
        let (leases, topic, holder) = (Arc::clone(&self.leases), Arc::clone(&self.topic), Arc::clone(&self.holder));
        self.runtime.spawn(async move { drop(leases.release_lead(&topic, &holder).await) });
    }
}
