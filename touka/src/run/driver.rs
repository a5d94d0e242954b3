//! [`Driver`], which runs a body and appends its events.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum_core::response::{IntoResponse, Response};
use http::StatusCode;
use tokio::sync::futures::Notified;
use tokio::sync::oneshot;
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, Sleep, sleep_until};

use super::active::{Active, StopReason};
use super::appending::{Appended, append};
use super::audience::Audience;
use super::body::{Body, Said};
use super::ending::Ending;
use super::note::Note;
use super::options::RunOptions;
use super::status::End;
use super::table::Place;
use crate::stream::drop_guarded;
use crate::topic::engine::Epoch;
use crate::topic::{Changes, Draft, Hub, Lead, RunLog, Use};

/// Runs the body of a run, and appends its events to the log. Dropped when the run has ended.
pub(super) struct Driver {
    pub(super) hub: Hub,
    pub(super) log: RunLog,
    /// The right to run the body, of which there is one among all nodes.
    pub(super) lead: Lead,
    pub(super) active: Arc<Active>,
    pub(super) options: RunOptions,
    /// Sent to when it is decided that the body is a stream and not an error.
    pub(super) opened: Option<oneshot::Sender<Result<(), Response>>>,
    pub(super) audience: Audience,
    pub(super) changes: Changes,
    /// The offset up to which notes were read.
    pub(super) noted: u64,
    /// The epoch of the log at the start. The log has another one when its engine has lost the run.
    pub(super) epoch: Epoch,
    pub(super) begun: Instant,
    /// The time at which a body that was asked to stop is dropped.
    pub(super) grace: Option<Instant>,
    pub(super) bytes: usize,
    /// The number of its events, and that of the notes in its log.
    pub(super) events: usize,
    pub(super) notes: usize,
    pub(super) timer: Option<Pin<Box<Sleep>>>,
    // In this order: others may start the run anew after its key is free.
    pub(super) ending: Ending,
    /// Keeps the log active.
    pub(super) _used: Use,
    pub(super) place: Place,
}

/// The number of events that a body may emit in quick succession between two looks at what else has changed.
const QUICK: u32 = 32;

/// An event in the life of a run.
enum Happened {
    Said(Said),
    /// The right to run the body is lost: another node decides about the run.
    Lost,
    /// The last viewer in this process has left.
    Deserted,
    /// Something has changed that is examined next.
    Changed,
}

impl Driver {
    /// Runs the body to its end, and writes the end, unless it is for others to end the run.
    pub(super) async fn drive(mut self: Box<Self>, mut body: Box<dyn Body>) {
        let log = self.log.clone();
        let mut deserted = pin!(log.deserted());
        // The number of events that may follow before the next look at what else has changed.
        let mut quick = 0_u32;
        let end = loop {
            let happened = if quick > 0 && self.may_go_on() {
                quick -= 1;
                self.poll_now(&mut *body).await
            } else {
                None
            };
            let happened = if let Some(said) = happened {
                Happened::Said(said)
            } else {
                if self.log.is_over() {
                    // By another node that holds this one for dead, or because the run was forgotten.
                    drop(body);
                    return self.ending.is_elsewhere();
                }
                if self.log.epoch() != self.epoch {
                    drop(body);
                    return Box::pin(self.vanish()).await;
                }
                // Before the count of viewers, so that no departure is missed.
                deserted.as_mut().enable();
                if let Some(end) = self.examine() {
                    break end;
                }
                quick = QUICK;
                self.next(&mut *body, deserted.as_mut()).await
            };
            match happened {
                Happened::Changed => {}
                Happened::Deserted => {
                    deserted.set(log.deserted());
                    self.audience.visited(Instant::now());
                }
                Happened::Lost => {
                    drop(body);
                    return self.ending.is_elsewhere();
                }
                Happened::Said(Said::Opened) => self.open(),
                Happened::Said(Said::Refused(response)) => {
                    drop(body);
                    return Box::pin(self.refuse(response)).await;
                }
                Happened::Said(Said::Event(Ok(draft))) => match self.append(draft).await {
                    Some(Appended::Ended) => {
                        drop(body);
                        return self.ending.is_elsewhere();
                    }
                    Some(Appended::Failed(end)) => break end,
                    None => consume_budget().await,
                },
                Happened::Said(Said::Event(Err(error))) => {
                    tracing::error!(target: "touka::run", run = self.log.name(), ?error, "an event of a run is not sent");
                    break End::Failed(None);
                }
                // A body that ends after it was asked to has been stopped.
                Happened::Said(Said::Ended(end @ End::Done(_))) => {
                    break self.active.stop_reason().map_or(end, StopReason::into_end);
                }
                Happened::Said(Said::Ended(end)) => break end,
            }
        };
        // Before the end is written: its destructor belongs to the run.
        drop(body);
        // Tasks that the body has spawned learn of the end, however long writing it takes.
        self.active.signal.request();
        self.open();
        // Boxed, as all that comes once: each run has space for this future as long as it is under way.
        Box::pin(self.ending.write(&self.lead, end, self.begun.elapsed())).await;
        self.ending.expire(&self.hub);
    }

    /// Looks at what may have changed. Returns the end of the run if it must end now.
    fn examine(&mut self) -> Option<End> {
        let now = Instant::now();
        let (notes, noted) = self.log.notes_after(self.noted);
        self.noted = noted;
        self.notes += notes.len();
        for note in notes {
            match Note::parse(&note) {
                Some(Note::Stop) => self.active.ask_to_stop(StopReason::Stopped),
                Some(Note::Viewers { node, present }) => self.audience.set_remote(node, present),
                Some(Note::Start(_)) | None => {}
            }
        }
        if self.active.take_visit() {
            self.audience.visited(now);
        }
        // A client that waits for the first event is a viewer.
        let here = if self.audience.counts() { self.log.viewers() + self.place.guests() } else { 0 };
        if self.audience.has_left(here, now) {
            self.active.ask_to_stop(StopReason::Left);
        }
        if now.saturating_duration_since(self.begun) >= self.options.max_run {
            self.active.ask_to_stop(StopReason::MaxRun);
        }
        let reason = self.active.stop_reason()?;
        let grace =
            *self.grace.get_or_insert_with(|| now.checked_add(self.options.stop_grace).unwrap_or_else(|| now + FAR));
        (now >= grace).then(|| reason.into_end())
    }

    /// The time of the next look, if there is none before.
    fn due(&self) -> Option<Instant> {
        let max_run = self.begun.checked_add(self.options.max_run);
        match self.grace {
            Some(grace) => Some(grace),
            None => max_run.into_iter().chain(self.audience.due()).min(),
        }
    }

    /// Whether the body may go on without a look at what has changed.
    fn may_go_on(&self) -> bool {
        !self.active.signal.is_requested() && self.lead.is_held()
    }

    /// Polls the body once.
    async fn poll_now(&self, body: &mut dyn Body) -> Option<Said> {
        poll_fn(|cx| match self.active.signal.scope(|| body.poll_said(cx)) {
            Poll::Ready(said) => Poll::Ready(Some(said)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    /// Polls the body until there is something to do.
    async fn next(&mut self, body: &mut dyn Body, mut deserted: Pin<&mut Notified<'_>>) -> Happened {
        let due = self.due();
        match (&mut self.timer, due) {
            (Some(timer), Some(due)) if timer.deadline() != due => timer.as_mut().reset(due),
            (Some(_), Some(_)) | (None, None) => {}
            (none @ None, Some(due)) => *none = Some(Box::pin(sleep_until(due))),
            (timer @ Some(_), None) => *timer = None,
        }
        let Self { lead, active, changes, timer, audience, log, grace, place, .. } = self;
        // Before the checks, so that no change is missed between the two.
        let mut extended = lead.changes();
        let mut extended = pin!(extended.next());
        let mut asked = pin!(active.asked.notified());
        asked.as_mut().enable();
        if lead.is_lost() {
            return Happened::Lost;
        }
        if active.is_visited() || grace.is_none() && active.stop_reason().is_some() {
            return Happened::Changed;
        }
        poll_fn(|cx| {
            if deserted.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Happened::Deserted);
            }
            let is_changed = extended.as_mut().poll(cx).is_ready()
                || asked.as_mut().poll(cx).is_ready()
                || changes.poll_next(cx).is_ready()
                // After the registration above, so that no departure is missed.
                || audience.counts() && audience.has_changed(log.viewers() + place.guests())
                || timer.as_mut().is_some_and(|timer| timer.as_mut().poll(cx).is_ready());
            if is_changed {
                return Poll::Ready(Happened::Changed);
            }
            // While it is uncertain who has the right, the body pauses.
            if !lead.is_held() {
                return Poll::Pending;
            }
            active.signal.scope(|| body.poll_said(cx)).map(Happened::Said)
        })
        .await
    }

    /// Appends an event of the body. Returns the outcome if it is not appended.
    async fn append(&mut self, draft: Draft) -> Option<Appended> {
        self.bytes = self.bytes.saturating_add(draft.len());
        if self.bytes > self.options.max_bytes {
            return Some(Appended::Failed(End::Exceeded(StatusCode::INSUFFICIENT_STORAGE, "max_bytes")));
        }
        self.events += 1;
        // With the last event, which is yet to come.
        if self.log.max_events().is_some_and(|most| self.events + self.notes >= most) {
            // The server would remove the oldest entries: the beginning of the run, and events that later viewers need.
            return Some(Appended::Failed(End::Exceeded(StatusCode::INSUFFICIENT_STORAGE, "retention")));
        }
        if self.log.is_in_memory() {
            // What can go wrong there is that the run has ended.
            return self.log.publish(draft, None, None).await.err().map(|_| Appended::Ended);
        }
        Box::pin(append(&self.log, &self.lead, draft)).await
    }

    /// Gives up a run that its engine has lost: what has been appended since has no beginning.
    async fn vanish(mut self: Box<Self>) {
        self.ending.is_elsewhere();
        tracing::error!(target: "touka::run", run = self.log.name(), "the server has lost a run, which is removed");
        if let Err(error) = self.log.remove_from(&self.hub).await {
            tracing::error!(target: "touka::run", run = self.log.name(), ?error, "the rest of a run stays");
        }
    }

    /// Notifies all callers that wait for the run that there is one.
    fn open(&mut self) {
        if let Some(opened) = self.opened.take() {
            self.place.set_open(&self.active);
            // The caller may have left.
            let _ = opened.send(Ok(()));
        }
    }

    /// Forgets a run whose body could not be made.
    pub(super) async fn refuse_panicked(self: Box<Self>) {
        self.refuse(StatusCode::INTERNAL_SERVER_ERROR.into_response()).await;
    }

    /// Forgets a run whose body has failed before its first event.
    async fn refuse(mut self: Box<Self>, response: Response) {
        self.ending.is_elsewhere();
        if let Err(error) = self.log.remove_from(&self.hub).await {
            tracing::error!(target: "touka::run", run = self.log.name(), ?error, "a run that has not begun stays");
        }
        if let Some(opened) = self.opened.take()
            && let Err(unsent) = opened.send(Err(response))
        {
            drop_guarded(unsent);
        }
    }
}

impl Drop for Driver {
    /// Wakes tasks that the body has spawned and that wait for a stop: the body is gone, for whatever reason.
    fn drop(&mut self) {
        self.active.signal.request();
    }
}

/// A time that is as good as for ever.
const FAR: Duration = Duration::from_hours(24 * 365 * 30);

impl StopReason {
    pub(super) const fn into_end(self) -> End {
        match self {
            Self::Stopped => End::Cancelled("stopped"),
            Self::Left => End::Cancelled("left"),
            Self::Shutdown => End::Cancelled("shutdown"),
            Self::MaxRun => End::Exceeded(StatusCode::GATEWAY_TIMEOUT, "max_run"),
        }
    }
}
