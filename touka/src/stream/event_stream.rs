//! [`EventStream`], the return type of a handler.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum_core::response::Response;
use futures_core::Stream;

use super::credential::Credential;
use super::failure::Failure;
use super::frame_buffer::Out;
use super::lifecycle::Lifecycle;
use super::link::Link;
use super::options::Options;
use super::origin::Origin;
use super::source::{Source, Step};
use crate::error::CloseReason;
use crate::event::{Event, EventId};

/// A stream of events: a [`Stream`] in this process, and a response when a handler returns it.
///
/// `EventStream` without a type takes anything that is `Into<Event>`; `EventStream<T>` takes
/// values of one [`IntoEvent`](crate::IntoEvent) type.
///
/// | made by | its events come from | runs |
/// |---|---|---|
/// | [`generate`](Self::generate), [`try_generate`](Self::try_generate) | the emits of an async body | inside the connection, which polls it |
/// | [`callback`](Self::callback) | an async function that is called repeatedly | inside the connection, which polls it |
/// | [`channel`](Self::channel) | an [`EventSender`](crate::EventSender) and its clones, anywhere | elsewhere; a bounded queue between |
/// | [`from_stream`](Self::from_stream) | another stream | inside the connection |
/// | [`once`](Self::once), [`from_iter`](#method.from_iter), `collect` | a list | nothing: the events are there |
///
/// A body that runs inside the connection waits at its emit when the client reads slowly, and is dropped when
/// the client leaves. touka's server ends streams at a shutdown. Another server would wait for them during a
/// graceful shutdown: [`Handle::layer`](crate::server::Handle::layer) ends them there.
///
/// ```
/// use touka::{Event, EventStream};
///
/// // A handler, in an axum app and in touka's router.
/// async fn numbers() -> EventStream {
///     EventStream::generate(|out| async move {
///         for number in 0..3 {
///             out.emit(Event::data(number.to_string()).id(number)).await;
///         }
///     })
/// }
/// ```
///
/// # On the wire
/// Status 200 with `content-type: text/event-stream`, `cache-control: no-cache, no-transform` and
/// `x-accel-buffering: no`, then the events. Events that are ready together leave in one frame, of at most
/// about 16 KiB. A single event leaves at once, before the work that comes after it
/// ([`Emitter::emit`](crate::Emitter::emit) has the rule). After 15 s without a byte, a comment keeps the
/// connection open.
pub struct EventStream<T = Event> {
    // Dropped before the lifecycle, which reports the end.
    origin: Origin<T>,
    lifecycle: Lifecycle,
    options: Options,
    /// The head of the response, without its body, if the handler has added to it.
    head: Option<Box<Response>>,
    /// Set when the source is a subscription to one topic and nothing else.
    subscribed: bool,
}

/// The parts of a stream that is a subscription to one topic and nothing else.
pub(crate) struct SubscriptionParts {
    pub(crate) subscription: Box<dyn Any + Send>,
    pub(crate) credential: Option<Box<Credential>>,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) options: Options,
}

impl<T> EventStream<T> {
    pub(crate) fn from_source(source: Pin<Box<dyn Source<T>>>) -> Self {
        Self::opened(None, Some(source), Lifecycle::new(Link::default()))
    }

    /// Creates a stream that is a subscription to one topic and nothing else.
    pub(crate) fn subscribed(source: Pin<Box<dyn Source<T>>>) -> Self {
        Self { subscribed: true, ..Self::from_source(source) }
    }

    /// Creates a stream whose first event may already be known.
    pub(super) fn opened(first: Option<T>, source: Option<Pin<Box<dyn Source<T>>>>, lifecycle: Lifecycle) -> Self {
        let origin = Origin::new(first, source, lifecycle.link().clone());
        Self { origin, lifecycle, options: Options::DEFAULT, head: None, subscribed: false }
    }

    /// Sets the idle time after which a comment keeps the connection open: 15 s by default, give or take a
    /// tenth. `None` turns the comments off. A client that left without closing its connection is then not
    /// noticed until the next event.
    ///
    /// On the wire: the line `:`, without a blank line, between two events. No client reports it.
    /// [`whole_blocks`](Self::whole_blocks) adds the blank line.
    ///
    /// ```
    /// use std::time::Duration;
    /// use touka::EventStream;
    ///
    /// let stream: EventStream = EventStream::once("hello").keep_alive(Duration::from_secs(5));
    /// let silent: EventStream = EventStream::once("hello").keep_alive(None);
    /// ```
    #[must_use]
    pub fn keep_alive(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.options.keep_alive = interval.into();
        self
    }

    /// Sends the client, when the stream opens, the time to wait before it reconnects: this long, give or
    /// take a fifth. By default none is sent, and browsers wait about 3 s.
    ///
    /// On the wire: the line `retry: 2871`, which opens the block of the first event. Clients obey the line
    /// when they have read it. [`whole_blocks`](Self::whole_blocks) adds a blank line, which some clients
    /// take for an event.
    #[must_use]
    pub const fn retry(mut self, delay: Duration) -> Self {
        self.options.retry = Some(delay);
        self
    }

    /// Ends each comment and each `retry` with a blank line of its own: keep-alives, the `retry` with which the stream
    /// opens and the one with which the server closes it, and the events of the body that have nothing else. By default
    /// these are lines without a blank line, which belong to the block of the next event.
    ///
    /// A client that reads line by line, as the standard says, reads both forms alike. This is for clients
    /// written by hand that split the stream at blank lines and look at the first line of each block only,
    /// and for undici, Node's `EventSource`, which obeys a `retry` only when its block has ended. The
    /// drawback: clients that report a block without data as an event report [phantom
    /// events](Event#events-without-data).
    ///
    /// On the wire: a keep-alive is `:` and a blank line, the opening `retry: 2871` and a blank line.
    ///
    /// ```
    /// use std::time::Duration;
    /// use touka::EventStream;
    ///
    /// async fn prices() -> EventStream {
    ///     EventStream::generate(|out| async move {
    ///         out.emit("120").await;
    ///     })
    ///     .keep_alive(Duration::from_secs(5))
    ///     .whole_blocks()
    /// }
    /// ```
    #[must_use]
    pub const fn whole_blocks(mut self) -> Self {
        self.options.whole_blocks = true;
        self
    }

    /// Sends an event of this name and id at the normal end of a finite stream.
    ///
    /// A browser takes the end of a response for an error, and reconnects. With this option the last event is
    /// `event: done`, and the browser reconnects with `Last-Event-ID: done`. A 204 then stops it.
    /// `#[sse_handler(end = "done")]` with `#[route]` answers 204 by itself; elsewhere check
    /// [`LastEventId::ended`](crate::extract::LastEventId::ended).
    ///
    /// On the wire: `id: done`, `event: done`, `data: ` and a blank line.
    ///
    /// # Between the last event and the end
    /// A client can lose its connection after the body's last event and before the end. It reconnects with
    /// the id of that event, not with `done`, and the body runs. The body must then return, without an event
    /// and without an error: the client gets the end and stops. A body that waits for more, or that fails
    /// because there is nothing after that id, leaves the client without its end for good. So:
    ///
    /// - Decide by what is left to send, not by whether the last event was just sent. A loop over
    ///   `next..=last` does so, and [`LastEventId::next_number`](crate::extract::LastEventId::next_number)
    ///   returns its `next`.
    /// - Give the end a name that no event has as its id. Otherwise a client that has seen such an event
    ///   would be told to stop.
    /// - If the body cannot know that an id is that of its last event, give the last event the id of the end,
    ///   here `done`: a client that has that id has everything, and gets 204. Its page must treat the last
    ///   event as the end, because the end itself may not arrive.
    ///
    /// ```
    /// use touka::extract::LastEventId;
    /// use touka::{Event, route, sse_handler};
    ///
    /// #[sse_handler(end = "done")]
    /// #[route(GET, "/report")]
    /// async fn report(from: LastEventId) {
    ///     // A client that has line 3 gets the end, and nothing else.
    ///     for number in from.next_number()..=3 {
    ///         emit!(Event::data(format!("line {number}")).id(number));
    ///     }
    /// }
    /// ```
    ///
    /// # Panics
    /// The literal is not a valid id. An id that is known only at run time goes through [`EventId::new`].
    #[must_use]
    pub fn end(mut self, name: impl Into<EventId>) -> Self {
        self.options.end = Some(name.into());
        self
    }

    /// Ends the stream after this time, give or take a tenth, without a last event: clients reconnect and
    /// spread over new servers. By default there is no limit. A stream that must end with a session or a
    /// token has [`close_at`](Self::close_at).
    #[must_use]
    pub const fn max_lifetime(mut self, longest: Duration) -> Self {
        self.options.max_lifetime = Some(longest);
        self
    }

    /// Sets how long writes to the client may be blocked before the connection is closed, 30 s by default.
    /// Only touka's own [`Server`](crate::Server) enforces this.
    #[must_use]
    pub const fn write_timeout(mut self, longest: Duration) -> Self {
        self.options.write_timeout = Some(longest);
        self
    }

    /// Calls a function once when the stream has ended, with the reason. The function runs in a `drop`, so it
    /// must not block.
    ///
    /// ```
    /// use touka::EventStream;
    ///
    /// async fn prices() -> EventStream {
    ///     EventStream::generate(|out| async move {
    ///         out.emit("120").await;
    ///     })
    ///     .on_close(|reason| println!("prices ended: {reason}"))
    /// }
    /// # drop(prices());
    /// ```
    #[must_use]
    pub fn on_close(mut self, then: impl FnOnce(CloseReason) + Send + 'static) -> Self {
        self.lifecycle.on_close(then);
        self
    }

    /// Whether this is a subscription to one topic and nothing else.
    pub(crate) const fn is_subscribed(&self) -> bool {
        self.subscribed
    }

    /// Takes the stream apart, if it is a subscription to one topic and nothing else.
    pub(crate) fn into_subscription(mut self) -> Option<SubscriptionParts> {
        let subscription = self.origin.source.as_mut()?.as_mut().take_subscription()?;
        let credential = self.origin.credential.take();
        Some(SubscriptionParts { subscription, credential, lifecycle: self.lifecycle, options: self.options })
    }

    /// The conditions that end the stream beside its body, created on first use.
    pub(super) fn credential(&mut self) -> &mut Credential {
        self.origin.credential.get_or_insert_default()
    }

    /// Ready when the stream must end though its body runs on.
    pub(crate) fn poll_credential(&mut self, cx: &mut Context<'_>) -> Poll<Failure> {
        self.origin.credential.as_mut().map_or(Poll::Pending, |credential| credential.poll(cx))
    }

    pub(crate) const fn take_head(&mut self) -> Option<Box<Response>> {
        self.head.take()
    }

    pub(crate) fn set_head(&mut self, head: Response) {
        self.head = Some(Box::new(head));
    }

    pub(crate) const fn options(&self) -> &Options {
        &self.options
    }

    pub(crate) const fn lifecycle(&self) -> &Lifecycle {
        &self.lifecycle
    }

    pub(crate) const fn lifecycle_mut(&mut self) -> &mut Lifecycle {
        &mut self.lifecycle
    }

    /// Moves the event that the body emitted before the response opened to `out`. Returns whether there was
    /// one.
    pub(crate) fn take_first(&mut self, out: &mut Out<'_, T>) -> bool {
        let Some(first) = self.origin.first.take() else { return false };
        out.put(first);
        true
    }

    /// Whether the next poll may run a body of the user: events that it has emitted must be flushed before.
    pub(crate) fn runs_a_body(&self) -> bool {
        self.origin.source.as_ref().is_some_and(|source| source.runs_a_body())
    }

    /// Polls for the next events, which go to `out`; or for the end.
    pub(crate) fn poll_event(&mut self, cx: &mut Context<'_>, out: &mut Out<'_, T>) -> Poll<Step<Failure>> {
        if self.take_first(out) {
            return Poll::Ready(Step::Event);
        }
        let Some(source) = &mut self.origin.source else { return Poll::Ready(Step::End) };
        let step = ready!(source.as_mut().poll_event(cx, out));
        match &step {
            Step::Event => {}
            Step::Abort(failure) => self.close(failure.reason),
            Step::End => self.close(CloseReason::Completed),
        }
        Poll::Ready(step)
    }

    /// Ends the stream and drops its body.
    pub(crate) fn close(&mut self, reason: CloseReason) {
        self.lifecycle.link().close(reason);
        self.origin.clear();
    }
}

// The first event is never pinned, and the source is boxed.
impl<T> Unpin for EventStream<T> {}

/// Yields the events that the handler emits, and ends where the body ends. The other parts belong to the
/// response and not to this `Stream`: the `error` event of a handler that failed, what the options send, and
/// the end by lifetime or credential.
impl<T> Stream for EventStream<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut event = None;
        let _end_or_event = ready!(self.poll_event(cx, &mut Out::One(&mut event)));
        Poll::Ready(event)
    }
}

impl<T> fmt::Debug for EventStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream")
            .field("ended", &self.origin.source.is_none())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
