//! [`Run`], a handle to a run.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use super::active::StopReason;
use super::body::{Body, Unstarted};
use super::error::RunError;
use super::follow::{Follow, attend, find};
use super::guest::Guest;
use super::note::Note;
use super::options::{LastEvent, OnDisconnect, RunOptions};
use super::record::remove;
use super::start::{Begun, MakeBody, Starting};
use super::status::RunStatus;
use super::table::{Here, Runs};
use crate::event::{Event, EventId, IntoEvent};
use crate::stream::{Emitter, EventStream, HandlerError};
use crate::topic::{Draft, FeedResult, Hub};

/// A handle to the run of a key, whether there is one or not: a body that publishes events and does not depend on any
/// client. [`Hub::run`] returns it.
///
/// The client that starts a run is only its first viewer. The body goes on when it leaves, and every viewer, whenever it
/// comes, gets all events from the first one on, or from the last one that it has seen. A run has exactly one last event,
/// and a client that has seen it gets 204, so that an `EventSource` stops.
///
/// ```
/// use touka::extract::{LastEventId, State};
/// use touka::response::StatusCode;
/// use touka::run::RunError;
/// use touka::{Emitter, Event, EventStream, Hub, route};
///
/// # async fn next_word(_question: &str) -> Option<String> { None }
/// /// Starts the answer, or joins it if it is under way.
/// #[route(POST, "/answers/{id}")]
/// async fn ask(State(hub): State<Hub>, id: String, from: LastEventId, question: String) -> Result<EventStream, RunError> {
///     let run = hub.run(format!("answers/{id}"))?;
///     run.start_or_join(|out: Emitter| async move {
///         while let Some(word) = next_word(&question).await {
///             out.emit(Event::data(word)).await;
///         }
///     })
///     .await?;
///     run.follow(from).await
/// }
///
/// /// Watches the answer: after a reload, in a second tab.
/// #[route(GET, "/answers/{id}")]
/// async fn watch(State(hub): State<Hub>, id: String, from: LastEventId) -> Result<EventStream, RunError> {
///     hub.run(format!("answers/{id}"))?.follow(from).await
/// }
///
/// #[route(POST, "/answers/{id}/stop")]
/// async fn stop(State(hub): State<Hub>, id: String) -> Result<StatusCode, RunError> {
///     hub.run(format!("answers/{id}"))?.stop().await
/// }
/// ```
///
/// # Owners
/// A key is not a credential: others can guess it. Give runs an [owner](Self::owner), such as the user that the request is
/// authenticated as. It is recorded at the start and checked by every other method.
///
/// # On the wire
/// The events of the body with their positions as ids, and the last event:
///
/// | end | last event |
/// |---|---|
/// | [`Done`](RunStatus::Done) | `event: done`, `data: {}` |
/// | [`Failed`](RunStatus::Failed) | `event: failed`, `data: {"status":500,"title":"Internal Server Error"}`, with `"limit"` if one was exceeded |
/// | [`Cancelled`](RunStatus::Cancelled) | `event: cancelled`, `data: {"reason":"stopped"}`, or `left`, or `shutdown` |
/// | [`Lost`](RunStatus::Lost) | `event: lost`, `data: {}` |
///
/// [`last_event`](Self::last_event) replaces them.
#[derive(Clone)]
pub struct Run {
    hub: Hub,
    key: Arc<str>,
    owner: Option<Arc<str>>,
    options: RunOptions,
}

impl Run {
    pub(super) fn new(hub: Hub, key: &str) -> Self {
        Self { hub, key: key.into(), owner: None, options: RunOptions::default() }
    }

    /// The key of the run.
    pub fn key(&self) -> &str {
        &self.key
    }

    // ===== settings =====

    /// Sets whose run this is, as at most 250 bytes. A start records the owner. Every method of a handle with another owner,
    /// or without one, finds no run: [`RunError::is_unknown`]. By default a run has no owner.
    #[must_use]
    pub fn owner(mut self, owner: impl AsRef<str>) -> Self {
        self.owner = Some(owner.as_ref().into());
        self
    }

    /// Sets what happens when the last viewer has left, on all nodes. By default the run goes on. The time counts from the
    /// last viewer: a run that has not had any goes on. A node that dies while it has viewers counts as having them. If viewers
    /// of another node come and go quickly, the departure of the last one counts up to 5 s later.
    #[must_use]
    pub const fn on_disconnect(mut self, then: OnDisconnect) -> Self {
        self.options.on_disconnect = then;
        self
    }

    /// Sets how long a body that [is to stop](super::stopping) may go on, 5 s by default. Then it is dropped at its current
    /// await.
    #[must_use]
    pub const fn stop_grace(mut self, grace: Duration) -> Self {
        self.options.stop_grace = grace;
        self
    }

    /// Sets how long the body may run, one hour by default. Then it is to stop, and the run has failed.
    #[must_use]
    pub const fn max_run(mut self, longest: Duration) -> Self {
        self.options.max_run = longest;
        self
    }

    /// Sets how many bytes the events of the run may have, 16 MiB by default. With the event that exceeds them, the run has
    /// failed, and that event is not sent. Nothing is removed from a run to make room.
    #[must_use]
    pub const fn max_bytes(mut self, most: usize) -> Self {
        self.options.max_bytes = most;
        self
    }

    /// Sets how long the run is kept after its end, one hour by default. Until then a start with its key joins it. Afterwards
    /// there is no such run. A shorter time than one second counts as one second, so that the client that has started a short
    /// run finds it.
    #[must_use]
    pub const fn keep_for(mut self, time: Duration) -> Self {
        self.options.keep_for = if time.as_millis() < 1000 { Duration::from_secs(1) } else { time };
        self
    }

    /// Sets the function that makes the last event of the run from its end. For `None`, it is touka's own. What the
    /// body says of its end comes first: [`EventStream::end`] if it ends by itself, and `on_error` if it fails. The function is called once for
    /// [`Lost`](RunStatus::Lost) when the run starts, and once at its end. If it panics, the event is touka's own.
    ///
    /// ```
    /// use touka::run::RunStatus;
    /// use touka::{Event, Hub};
    ///
    /// # fn run() -> Result<(), touka::run::RunError> {
    /// // For clients of the protocol of OpenAI.
    /// let run = Hub::memory().run("7")?.last_event(|status| match status {
    ///     RunStatus::Done => Some(Event::data("[DONE]")),
    ///     _ => None,
    /// });
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn last_event(mut self, make: impl Fn(RunStatus) -> Option<Event> + Send + Sync + 'static) -> Self {
        self.options.last_event = Some(LastEvent::new(make));
        self
    }

    // ===== operations =====

    /// Starts the run, unless there is one with its key: under way, or ended and still kept. Then `body` is dropped unused,
    /// on every node, however many calls there are at the same time.
    ///
    /// The body runs on a task of its own. It emits as the body of a handler does, ends with nothing or a `Result`, and
    /// waits at each emit until the event is stored. It can ask whether it [is to stop](super::stopping). A panic of it is the
    /// end of its run.
    ///
    /// A body that can fail decides before this is ready whether there is a run: the future waits for its first event, its
    /// end, or one second. An error or a panic before that is the error of this call, as the response that it would be for a
    /// handler, and there is no run.
    ///
    /// # Errors
    /// The body has failed before its first event ([`RunError::is_refused`]); the run has another owner
    /// ([`RunError::is_unknown`]); there are too many runs ([`RunError::is_too_many`]); the hub shuts down
    /// ([`RunError::is_shutting_down`]); or its engine fails ([`RunError::is_hub`]).
    ///
    /// # Cancellation
    /// If this future is dropped before it is ready, the run may have started or not, and goes on if it has.
    pub fn start_or_join<T, F, B, O>(
        &self,
        body: F,
    ) -> impl Future<Output = Result<Begun, RunError>> + Send + use<T, F, B, O>
    where
        F: FnOnce(Emitter<T>) -> B + Send + 'static,
        T: IntoEvent + Send + 'static,
        B: Future<Output = O> + Send + 'static,
        O: FeedResult,
    {
        // Nothing is gained by waiting for a body that cannot fail.
        let is_infallible = std::any::TypeId::of::<O::Error>() == std::any::TypeId::of::<Infallible>();
        self.start(move || async move {
            let opening = EventStream::try_generate(|out| {
                let body = body(out);
                async move { body.await.into_result() }
            });
            let opening = if is_infallible { opening.open_after(Duration::ZERO) } else { opening };
            opening.await.map_err(HandlerError::into_error_response)
        })
    }

    /// Starts the run with a body that becomes a stream or a response.
    pub(crate) fn start<T, F, B>(&self, start: F) -> impl Future<Output = Result<Begun, RunError>> + Send + use<T, F, B>
    where
        F: FnOnce() -> B + Send + 'static,
        B: Future<Output = Result<EventStream<T>, axum_core::response::Response>> + Send + 'static,
        T: IntoEvent + Send + 'static,
    {
        let Self { hub, key, owner, options } = self.clone();
        let unstarted = Unstarted::new(start);
        let make: MakeBody = Box::new(|| Some(Box::new(unstarted.start()?) as Box<dyn Body>));
        Starting { hub, key, owner, options }.start(make)
    }

    /// A client that is about to start the run or to join it, and then to follow it.
    pub(crate) fn guest(&self) -> Guest {
        Guest::new(Runs::of(&self.hub), Arc::clone(&self.key), self.owner.clone())
    }

    /// The stream of a client that watches the run: all events after the one with this id, or all there are without an id,
    /// then each when it is emitted, and the last event. Ready after the run is found.
    ///
    /// The stream is one of the run's topic, and is [parked](crate::Server::park) as those of all topics are. A client that
    /// has seen the last event gets 204. An id that is not of this run, for example of an earlier one with its key, leads to a
    /// `gap` event and all events.
    ///
    /// # Errors
    /// There is no such run, or it has another owner ([`RunError::is_unknown`]); or the hub's engine fails
    /// ([`RunError::is_hub`]).
    pub fn follow<T: IntoEvent + Send + 'static>(&self, from: impl Into<Option<EventId>>) -> Follow<T> {
        Follow::new(self.hub.clone(), Arc::clone(&self.key), self.owner.clone(), from.into())
    }

    /// Stops the run, on whichever node it is: its body [is to stop](super::stopping), and is dropped after `stop_grace`. Ready
    /// when the node will know of it: [`wait`](Self::wait) waits for the end. Can be called again and again.
    ///
    /// Returns 202, or 204 if the run has ended already, as the answer to a client.
    ///
    /// # Errors
    /// As [`follow`](Self::follow).
    pub async fn stop(&self) -> Result<StatusCode, RunError> {
        let (log, record) = find(&self.hub, &self.key, self.owner.as_deref()).await?;
        if record.status.is_over() {
            return Ok(StatusCode::NO_CONTENT);
        }
        if let Some(Here::Running(active)) = Runs::of(&self.hub).get(&self.key) {
            active.ask_to_stop(StopReason::Stopped);
            return Ok(StatusCode::ACCEPTED);
        }
        let note = Draft::note(&Note::Stop.to_text());
        match log.publish(note, None, Some("stop")).await {
            Ok(()) => Ok(StatusCode::ACCEPTED),
            // It has come to its end meanwhile.
            Err(error) if error.is_closed() || error.is_removed() => Ok(StatusCode::NO_CONTENT),
            Err(error) => Err(error.into()),
        }
    }

    /// How far the run has come, as far as this node knows. A run whose node has died counts as running until a node has
    /// noticed that, which begins with this call at the latest.
    ///
    /// # Errors
    /// As [`follow`](Self::follow).
    pub async fn status(&self) -> Result<RunStatus, RunError> {
        let (_, record) = find(&self.hub, &self.key, self.owner.as_deref()).await?;
        Ok(record.status)
    }

    /// Waits for the end of the run. Counts as a viewer meanwhile. In the body of the run itself, it waits until the body is
    /// dropped.
    ///
    /// # Errors
    /// As [`follow`](Self::follow). [`RunError::is_unknown`] also if the run is forgotten meanwhile.
    pub async fn wait(&self) -> Result<RunStatus, RunError> {
        loop {
            let (log, record) = find(&self.hub, &self.key, self.owner.as_deref()).await?;
            if record.status.is_over() {
                return Ok(record.status);
            }
            let viewer = log.subscribe::<Event>(None).await?;
            attend(&self.hub, &self.key, &log, &record);
            let mut changes = log.changes();
            while !log.is_over() {
                poll_fn(|cx| changes.poll_next(cx)).await;
            }
            drop(viewer);
        }
    }

    /// Removes a run that has ended, with all its events, before its time is over. Its key is free then.
    ///
    /// # Errors
    /// As [`follow`](Self::follow); also if the run is under way ([`RunError::is_running`]).
    pub async fn forget(&self) -> Result<(), RunError> {
        let (log, record) = find(&self.hub, &self.key, self.owner.as_deref()).await?;
        if !record.status.is_over() {
            return Err(RunError::running());
        }
        let runs = Runs::of(&self.hub);
        // The end is written before the key is free. A start in between would join a run that is forgotten.
        if let Some(here) = runs.get(&self.key)
            && !log.is_removed()
        {
            runs.left(&self.key, &here).await;
        }
        Ok(remove(&self.hub, &log, record.start.nonce).await?)
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("key", &self.key)
            .field("owner", &self.owner)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
