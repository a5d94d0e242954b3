//! [`Feed`], one body that publishes to a topic for all its subscribers.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout;

use super::shared_log::SharedLog;
use crate::error::CloseReason;
use crate::event::Event;
use crate::stream::{Abort, Failure, HandlerError, Panic, catch, contained};

/// The time that a body continues to run after its last subscriber has left, so that reloading a page does not
/// restart it.
const FEED_LINGER: Duration = Duration::from_secs(5);

/// The body of a feed, ready to start.
pub(super) struct Feed(Box<dyn FnOnce() -> Running + Send>);

/// The body of a feed, until it ends by itself.
type Running = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

impl Feed {
    pub(super) fn new<B, O>(body: impl FnOnce() -> B + Send + 'static) -> Self
    where
        B: Future<Output = O> + Send + 'static,
        O: FeedResult,
    {
        Self(Box::new(|| {
            let body = body();
            Box::pin(async move { body.await.into_result().map_err(|error| Abort::Error(error).into_failure()) })
        }))
    }

    /// Runs the body on a task of its own, until it ends or has had no subscriber for [`FEED_LINGER`]. The caller has
    /// marked the topic as fed.
    pub(super) fn start(self, log: &Arc<SharedLog>) {
        let feeding = Feeding { log: Arc::clone(log), runs: true };
        let (task, _ended) = contained(async move {
            // Declared first, so that it is dropped after the body even if the task is cancelled.
            let feeding = feeding;
            let log = Arc::clone(&feeding.log);
            // Created in an `async` block, where its panic is caught like those of its polls.
            let body = async move { (self.0)().await };
            let mut body = pin!(body);
            let mut deserted = pin!(deserted(&log));
            let ended = poll_fn(|cx| {
                if deserted.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(None);
                }
                // Not polled again after a panic: what the panic left half done is only dropped.
                match catch(|| body.as_mut().poll(cx)) {
                    Ok(polled) => polled.map(Some),
                    Err(panic) => Poll::Ready(Some(Err(panicked(panic)))),
                }
            })
            .await;
            match ended {
                None => feeding.unmark(),
                Some(Ok(())) => feeding.end(CloseReason::Completed, None),
                Some(Err(failure)) => feeding.end(failure.reason, failure.event.map(|event| *event)),
            }
        });
        tokio::spawn(task);
    }
}

/// Guard that keeps the topic marked as fed.
///
/// If it is dropped while the body still runs, for example because the runtime shuts down, it ends the subscribers'
/// streams, and the next subscriber starts a body again.
struct Feeding {
    log: Arc<SharedLog>,
    runs: bool,
}

impl Feeding {
    /// Ends the streams of all subscribers, because the body has ended.
    fn end(mut self, reason: CloseReason, last: Option<Event>) {
        self.runs = false;
        self.log.change(|state| {
            state.fed = false;
            state.log.end(reason, last);
        });
    }

    /// Disarms the guard. The topic is no longer marked as fed.
    fn unmark(mut self) {
        self.runs = false;
    }
}

impl Drop for Feeding {
    fn drop(&mut self) {
        if self.runs {
            self.log.change(|state| {
                state.fed = false;
                state.log.end(CloseReason::Shutdown, None);
            });
        }
    }
}

fn panicked(panic: Panic) -> Failure {
    Abort::<Infallible>::Panic(panic).into_failure()
}

/// Completes when there has been no subscriber for [`FEED_LINGER`], or when the log is closed. The topic is then no
/// longer marked as fed, so the next subscriber starts a body.
async fn deserted(log: &SharedLog) {
    loop {
        log.deserted.notified().await;
        // A notification within the time means that a subscriber has come and left again: the time starts anew.
        while !log.is_closed() && timeout(FEED_LINGER, log.deserted.notified()).await.is_ok() {}
        let mut state = log.lock();
        if state.subscribers == 0 || state.log.is_closed() {
            state.fed = false;
            return;
        }
    }
}

/// The result of a feed's body: nothing, a `Result<(), E>` whose error is a response, or `!` for a body that never ends.
///
/// Of an error, subscribers are sent its status only, as with any handler that fails.
///
/// ```
/// use touka::extract::{LastEventId, State};
/// use touka::{EventStream, Hub, HubError, route};
///
/// #[route(GET, "/numbers")]
/// async fn numbers(State(hub): State<Hub>, from: LastEventId) -> Result<EventStream, HubError> {
///     let topic = hub.topic("numbers")?.fed_by(|topic| async move {
///         for number in 1..=3 {
///             topic.publish(number.to_string()).await?;
///         }
///         Ok::<(), HubError>(())
///     });
///     topic.subscribe(from).await
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the body of `fed_by` cannot end with `{Self}`",
    label = "expected nothing, or a `Result<(), E>` whose error is a response",
    note = "to use `?`, end the body with `Ok::<(), E>(())`, where `E` is axum's `IntoResponse`, such as `HubError`"
)]
pub trait FeedResult: Send + 'static {
    /// The type of the error.
    type Error: HandlerError;

    /// Converts the value to a `Result`.
    ///
    /// # Errors
    /// The body has failed.
    fn into_result(self) -> Result<(), Self::Error>;
}

impl FeedResult for () {
    type Error = Infallible;

    fn into_result(self) -> Result<(), Infallible> {
        Ok(())
    }
}

#[diagnostic::do_not_recommend]
impl<E: HandlerError> FeedResult for Result<(), E> {
    type Error = E;

    fn into_result(self) -> Self {
        self
    }
}

/// A body that loops forever has the type `!`, which stable Rust can only name as the result of a function.
impl FeedResult for <fn() -> ! as Returns>::Output {
    type Error = Infallible;

    fn into_result(self) -> Result<(), Infallible> {
        self
    }
}

/// A function type, as a means to name its result.
pub trait Returns {
    /// The type of the result.
    type Output;
}

impl<T> Returns for fn() -> T {
    type Output = T;
}
