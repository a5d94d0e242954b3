//! [`start`], which starts a run or joins it.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum_core::response::Response;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::active::Active;
use super::audience::Audience;
use super::body::Body;
use super::driver::Driver;
use super::ending::{Ending, lose};
use super::error::RunError;
use super::list_entries;
use super::note::{Note, Start};
use super::options::RunOptions;
use super::record::{Record, check, topic_of};
use super::status::RunStatus;
use super::table::{Here, Place, Reserved, Runs};
use super::watch::watch;
use crate::event::IntoEvent as _;
use crate::stream::{contained, random};
use crate::topic::{Changes, Draft, Hub, HubError, Lead, RunLog, Use, unix_time};

/// Whether a call of [`Run::start_or_join`](super::Run::start_or_join) has started the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// The body of this call runs.
    Started,
    /// A run with this key exists, which is under way or has ended. The body of this call is dropped unused.
    Joined,
}

/// Makes the body of a run. `None` if that panics.
pub(super) type MakeBody = Box<dyn FnOnce() -> Option<Box<dyn Body>> + Send>;

/// How long the events of a run whose process has died are kept in addition, if no process ends the run. Long, because a
/// machine that was suspended continues its runs, and its clock has gone on.
const MARGIN: Duration = Duration::from_hours(7 * 24);

/// A run that is to be started.
pub(super) struct Starting {
    pub(super) hub: Hub,
    pub(super) key: Arc<str>,
    pub(super) owner: Option<Arc<str>>,
    pub(super) options: RunOptions,
}

/// The state of a key before a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// A run that can be joined.
    Run,
    /// A run that is not kept any more.
    Expired,
    Nothing,
}

impl Starting {
    /// Starts the run unless there is one with its key. Ready when the body has opened.
    pub(super) async fn start(self, make: MakeBody) -> Result<Begun, RunError> {
        let topic = topic_of(&self.key)?;
        if let Some(owner) = &self.owner {
            check(owner)?;
        }
        let runs = Runs::of(&self.hub);
        let place = loop {
            match runs.reserve(&self.key, self.owner.as_ref()) {
                Ok(Reserved::Free(place)) => break place,
                Ok(Reserved::Taken(Here::Running(active))) if active.owner != self.owner => {
                    return Err(RunError::unknown());
                }
                Ok(Reserved::Taken(Here::Running(active))) if active.is_open() => return Ok(Begun::Joined),
                // It may fail before its first event, and then there is no run.
                Ok(Reserved::Taken(_)) => runs.changed(|runs| !runs.is_starting(&self.key)).await,
                // No run can be started, and one that there is can be joined.
                Err(error) => return self.join().await?.ok_or(error),
            }
        };
        // On a task of its own, so that a caller who leaves now does not leave a half of a run behind.
        let Some(runtime) = self.hub.runtime() else { return Err(HubError::outside_of_a_runtime().into()) };
        let (task, begun) = contained(self.begin(topic, place, make));
        runtime.spawn(task);
        let waiting = match begun.await {
            Ok(Ok(begun)) => begun?,
            _ => return Err(HubError::no_runtime().into()),
        };
        match waiting {
            None => Ok(Begun::Joined),
            Some(opened) => match opened.await {
                Ok(Err(response)) => Err(RunError::refused(response)),
                // Without an answer, the run has ended elsewhere: its log says how.
                Ok(Ok(())) | Err(_) => Ok(Begun::Started),
            },
        }
    }

    /// Joins the run if there is one.
    async fn join(&self) -> Result<Option<Begun>, RunError> {
        match Record::find(&self.hub, &self.key, self.owner.as_deref()).await {
            Ok(_) => Ok(Some(Begun::Joined)),
            Err(error) if error.is_unknown() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Starts the run unless there is one. `None` if there is.
    async fn begin(
        self,
        topic: String,
        place: Place,
        make: MakeBody,
    ) -> Result<Option<oneshot::Receiver<Result<(), Response>>>, RunError> {
        let Some((log, lead, used)) = self.look(&topic).await? else { return Ok(None) };
        // Longer than the run can be under way, so that no event of it goes before its end. If its process dies and no client
        // asks for it any more, its events do not stay for ever.
        log.keep_for(self.options.longest().saturating_add(MARGIN));
        let note = Start {
            nonce: random(),
            owner: self.owner.as_deref().map(Into::into),
            at: unix_time(),
            keep_for: self.options.keep_for,
            needs_viewers: self.options.on_disconnect.patience().is_some(),
            lost: self.lost_event(),
        };
        // The key of idempotency makes the start atomic, also if two processes believe that they have the right.
        let text = Note::Start(note.clone()).to_text();
        log.publish(Draft::note(&text), None, Some("start")).await?;
        if log.is_shared() {
            log.update().await?;
            if log.first().await?.as_deref() != Some(&text) {
                return Ok(None);
            }
        }
        if let Some(owner) = &self.owner
            // After the start, so that an entry without a run is one that is not needed any more.
            && let Err(error) = list_entries::add(&self.hub, owner, &self.key, &self.options).await
        {
            // No run is left out of the list.
            log.remove_from(&self.hub).await?;
            return Err(error.into());
        }
        Ok(Some(self.run((log, note), place, lead, used, make)))
    }

    /// Looks for a run with the key. Waits for the right to start one if there is none. `None` if there is a run.
    async fn look(&self, topic: &str) -> Result<Option<(RunLog, Lead, Use)>, RunError> {
        loop {
            let log = self.hub.run_log(topic)?;
            // Before the look, so that no change is missed between it and the wait.
            let mut changes = log.changes();
            log.update().await?;
            if self.look_at(&log).await? == Found::Run {
                return Ok(None);
            }
            let Some(lead) = until_changed(&log, &mut changes).await? else { continue };
            // Another process may have started the run before it gave up the right.
            log.update().await?;
            match self.look_at(&log).await? {
                Found::Run => return Ok(None),
                // This process has the right, so no other one can be about to start a run.
                Found::Expired => log.remove_from(&self.hub).await?,
                Found::Nothing => {}
            }
            // The log of a run that was not kept any more is removed, and another one takes its place.
            if log.is_removed() {
                continue;
            }
            if log.is_closed() {
                return Err(RunError::shutting_down());
            }
            if log.is_blank().await?
                && let Some(used) = log.mark_used()
            {
                return Ok(Some((log, lead, used)));
            }
            // Entries without a beginning: a note or an event of a process that had not heard of the removal of a run. Or the
            // server has lost the run, and streams wait here for the rest of it.
            log.remove_from(&self.hub).await?;
        }
    }

    /// The run that there is, which this owner may see. One that was under way in a process that has died ends now, if no
    /// other process can be running it.
    async fn look_at(&self, log: &RunLog) -> Result<Found, RunError> {
        let Some(record) = Record::read(log).await? else { return Ok(Found::Nothing) };
        if record.is_expired {
            return Ok(Found::Expired);
        }
        if record.start.owner.as_deref() != self.owner.as_deref() {
            return Err(RunError::unknown());
        }
        if record.status == RunStatus::Running && !log.is_shared() {
            lose(log, &record.start).await?;
        }
        Ok(Found::Run)
    }

    /// The bytes of the event that ends the run if its process dies, if the user makes it.
    fn lost_event(&self) -> Option<String> {
        let event = self.options.last_event.as_ref()?.of(RunStatus::Lost)?;
        let mut wire = bytes::BytesMut::new();
        event.encode_into(&mut wire).ok()?;
        String::from_utf8(wire.into()).ok()
    }

    /// Runs the body on a task. Returns what tells how it opens.
    fn run(
        self,
        (log, start): (RunLog, Start),
        place: Place,
        lead: Lead,
        used: Use,
        make: MakeBody,
    ) -> oneshot::Receiver<Result<(), Response>> {
        let Self { hub, key, owner, options } = self;
        let (opened, opens) = oneshot::channel();
        let active = Arc::new(Active::new(owner));
        // Boxed, because a future has space for each of its arguments and for what becomes of it.
        let driver = Box::new(Driver {
            epoch: log.epoch(),
            notes: 0,
            audience: Audience::new(options.on_disconnect.patience()),
            changes: log.changes(),
            noted: 0,
            begun: Instant::now(),
            grace: None,
            bytes: 0,
            events: 0,
            timer: None,
            ending: Ending::new(log.clone(), options.clone()),
            opened: Some(opened),
            hub,
            log,
            lead,
            active: Arc::clone(&active),
            options,
            _used: used,
            place,
        });
        driver.place.set_running(&active);
        let (hub, log) = (driver.hub.clone(), driver.log.clone());
        let (task, _ended) = contained(async move {
            match active.signal.scope(make) {
                Some(body) => driver.drive(body).await,
                None => driver.refuse_panicked().await,
            }
            if log.is_shared() && !log.is_over() {
                // The right is lost, and with it the run. The process that has the right may die before it ends the run.
                watch(&hub, &key, &log, &start);
            }
        });
        tokio::spawn(task);
        opens
    }
}

/// Waits for the right to start a run. `None` if the log changes first: another process may have started one.
async fn until_changed(log: &RunLog, changes: &mut Changes) -> Result<Option<Lead>, HubError> {
    let mut lead = pin!(log.lead());
    poll_fn(|cx| match lead.as_mut().poll(cx) {
        Poll::Ready(lead) => Poll::Ready(lead.map(Some)),
        Poll::Pending => changes.poll_next(cx).map(|()| Ok(None)),
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;
    use crate::stream::Emitter;

    /// An engine keeps the events of a run that no process ends for as long as the log says.
    #[tokio::test(start_paused = true)]
    async fn a_run_under_way_is_not_kept_for_ever() {
        let hub = Hub::memory();
        let run = hub.run("a").expect("a key").max_run(Duration::from_secs(7));
        run.start_or_join(|_: Emitter| pending::<()>()).await.expect("no error");
        let log = hub.run_log(&topic_of("a").expect("a key")).expect("no error");
        assert!(log.kept_for() >= Duration::from_hours(24), "{:?}", log.kept_for());
        assert!(log.kept_for() <= Duration::from_hours(24 * 8), "{:?}", log.kept_for());
    }
}
