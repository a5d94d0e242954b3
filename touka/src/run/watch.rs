//! [`watch`], which ends the run of another node that has died.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::departures::Departures;
use super::ending::lose;
use super::note::{Note, Start};
use super::record::Record;
use super::table::{Runs, Watched};
use crate::stream::contained;
use crate::topic::{Draft, Hub, Lead, RunLog, Use};

/// How long a run is watched after its last viewer in this process has left, or a caller has looked at it. A right whose node
/// has died before that is free within this time.
const LINGER: Duration = Duration::from_secs(15);

/// The pause before the right is asked for again after a failure.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Watches a run that another node runs, or that has lost its node: the task that gets the right to run it knows that no process does.
pub(super) fn watch(hub: &Hub, key: &Arc<str>, log: &RunLog, start: &Start) {
    let Some(watched) = Runs::of(hub).watch(key, log) else { return };
    let (Some(runtime), Some(used)) = (hub.runtime(), log.mark_used()) else { return };
    let node = Runs::of(hub).node();
    let watch = Watch {
        hub: hub.clone(),
        log: log.clone(),
        start: start.clone(),
        node,
        watched,
        _used: used,
        is_present: false,
        departures: Departures::new(Instant::now()),
    };
    let (hub, key, log, start) = (hub.clone(), Arc::clone(key), log.clone(), start.clone());
    let poked = Arc::clone(&watch.watched.poked);
    let (task, _ended) = contained(async move {
        watch.run().await;
        // A viewer or a caller that came while the task ended has not begun another one.
        let is_asked = pin!(poked.notified()).enable();
        if !log.is_over() && (is_asked || log.viewers() > 0) {
            self::watch(&hub, &key, &log, &start);
        }
    });
    runtime.spawn(task);
}

struct Watch {
    hub: Hub,
    log: RunLog,
    start: Start,
    node: u64,
    /// Whether the run was told of viewers here.
    is_present: bool,
    departures: Departures,
    // In this order: the key is free after the mark of the log.
    /// Keeps the log active.
    _used: Use,
    watched: Watched,
}

/// An event in the life of a watched run.
enum Happened {
    /// This process has the right to run it: no other one does.
    Free(Lead),
    /// The right cannot be asked for now.
    Failed,
    /// A caller in this process has looked at the run.
    Asked,
    Changed,
}

impl Watch {
    async fn run(mut self) {
        let mut until = Instant::now() + LINGER;
        let mut changes = self.log.changes();
        let log = self.log.clone();
        let mut deserted = pin!(log.deserted());
        loop {
            if self.log.is_over() {
                return;
            }
            // Before the count, so that no departure is missed.
            deserted.as_mut().enable();
            let viewers = self.log.viewers();
            let told_at = self.tell(viewers > 0).await;
            if viewers > 0 {
                until = Instant::now() + LINGER;
            } else if Instant::now() >= until && told_at.is_none() {
                return;
            }
            let next = told_at.map_or(until, |at| at.min(until));
            let happened = {
                let mut lead = pin!(self.log.lead());
                let (mut poked, mut over) = (pin!(self.watched.poked.notified()), pin!(sleep_until(next)));
                poll_fn(|cx| {
                    if let Poll::Ready(lead) = lead.as_mut().poll(cx) {
                        return Poll::Ready(lead.map_or(Happened::Failed, Happened::Free));
                    }
                    if deserted.as_mut().poll(cx).is_ready() {
                        deserted.set(log.deserted());
                        return Poll::Ready(Happened::Changed);
                    }
                    if poked.as_mut().poll(cx).is_ready() {
                        return Poll::Ready(Happened::Asked);
                    }
                    let is_changed = changes.poll_next(cx).is_ready() || over.as_mut().poll(cx).is_ready();
                    if is_changed { Poll::Ready(Happened::Changed) } else { Poll::Pending }
                })
                .await
            };
            match happened {
                Happened::Changed => {}
                Happened::Asked => until = Instant::now() + LINGER,
                Happened::Failed => sleep(ASK_AGAIN_AFTER).await,
                Happened::Free(lead) => {
                    self.lose(&lead).await;
                    drop(lead);
                    if !self.log.is_over() {
                        sleep(ASK_AGAIN_AFTER).await;
                    }
                }
            }
        }
    }

    /// Ends the run, of which no node runs the body.
    async fn lose(&self, lead: &Lead) {
        let lost = async {
            // The end may be on its way here.
            self.log.update().await?;
            match Record::read(&self.log).await? {
                Some(record) if !record.status.is_over() && !lead.is_lost() => lose(&self.log, &record.start).await,
                Some(_) => Ok(()),
                // The engine has lost the run, and no node runs it: there is nothing that viewers could wait for.
                None => self.log.remove_from(&self.hub).await,
            }
        };
        if let Err(error) = lost.await {
            tracing::warn!(target: "touka::run", run = self.log.name(), ?error, "a run that is lost has no end yet");
        }
    }

    /// Notifies the node of the run whether there are viewers here, if the run needs any. Returns the time at which that is
    /// due if it is not due yet: a viewer that comes counts at once, and a departure may have to wait.
    async fn tell(&mut self, present: bool) -> Option<Instant> {
        if !self.start.needs_viewers || self.is_present == present {
            return None;
        }
        let now = Instant::now();
        if !present {
            let at = self.departures.next_at(now);
            if at > now {
                return Some(at);
            }
        }
        let note = Note::Viewers { node: self.node, present }.to_text();
        match self.log.publish(Draft::note(&note), None, None).await {
            Ok(()) => {
                self.is_present = present;
                if !present {
                    self.departures.tell(now);
                }
            }
            Err(error) => {
                tracing::debug!(target: "touka::run", run = self.log.name(), ?error, "a run does not know of its viewers");
            }
        }
        None
    }
}
