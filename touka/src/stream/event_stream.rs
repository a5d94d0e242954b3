//! [`EventStream`], what a handler returns.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;

use super::batch::Out;
use super::credential::Credential;
use super::failure::Failure;
use super::lifecycle::Lifecycle;
use super::link::Link;
use super::options::Options;
use super::origin::Origin;
use super::source::{Source, Step};
use crate::error::CloseReason;
use crate::event::{Event, EventId};

/// A stream of events: a [`Stream`] for whoever reads it here, a response for whoever serves it.
///
/// `EventStream` without a type takes anything that is `Into<Event>`; `EventStream<T>` takes
/// values of one [`IntoEvent`](crate::IntoEvent) type.
///
/// | made by | its events come from | runs |
/// |---|---|---|
/// | [`generate`](Self::generate), [`try_generate`](Self::try_generate) | the emits of an async body | inside the connection, pulled by it |
/// | [`callback`](Self::callback) | an async function that is called again and again | the same |
/// | [`channel`](Self::channel) | an [`EventSender`](crate::EventSender) and its clones, anywhere | elsewhere; a bounded queue between |
/// | [`from_stream`](Self::from_stream) | another stream | inside the connection |
///
/// What runs inside the connection waits at its emit when the client reads slowly, and is dropped
/// when the client leaves. touka's server ends streams at a shutdown; under another server, where a
/// graceful shutdown would wait for them, [`Handle::layer`](crate::server::Handle::layer) does.
///
/// ```
/// use touka::{Event, EventStream};
///
/// // In an axum app, in touka's router, or by hand: an async fn that returns it is a handler.
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
/// `x-accel-buffering: no`; then the events. Events that are ready together leave together, in
/// frames of about 16 KiB; one alone leaves at once, before the work that comes after it
/// ([`Emitter::emit`](crate::Emitter::emit) has the rule). After 15 silent seconds a comment keeps
/// the connection open.
pub struct EventStream<T = Event> {
    // Before the lifecycle, which tells of the end.
    origin: Origin<T>,
    lifecycle: Lifecycle,
    options: Options,
    /// The source is a place in a topic, and nothing else.
    subscribed: bool,
}

/// What a stream is made of that is nothing but a place in a topic.
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

    /// A stream that is nothing but a place in a topic.
    pub(crate) fn subscribed(source: Pin<Box<dyn Source<T>>>) -> Self {
        Self { subscribed: true, ..Self::from_source(source) }
    }

    /// A stream whose first event, if there is one, is known already.
    pub(super) fn opened(first: Option<T>, source: Option<Pin<Box<dyn Source<T>>>>, lifecycle: Lifecycle) -> Self {
        let origin = Origin::new(first, source, lifecycle.link().clone());
        Self { origin, lifecycle, options: Options::DEFAULT, subscribed: false }
    }

    /// Sets after how much silence a comment keeps the connection open: 15 s by default, give or
    /// take a tenth. `None` turns it off, and with it the means to notice a client that left
    /// without a word.
    ///
    /// On the wire: the line `:`, without a blank line, between two events. No client reports it.
    /// [`whole_blocks`](Self::whole_blocks) adds the blank line.
    #[must_use]
    pub fn keep_alive(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.options.keep_alive = interval.into();
        self
    }

    /// Tells the client, when the stream opens, how long to wait before it reconnects: this long,
    /// give or take a fifth. By default nothing is said, and browsers wait about 3 s.
    ///
    /// On the wire: the line `retry: 2871`. It opens the block of the first event; clients obey it when they read the
    /// line. [`whole_blocks`](Self::whole_blocks) adds a blank line, which some clients take for an event.
    #[must_use]
    pub const fn retry(mut self, delay: Duration) -> Self {
        self.options.retry = Some(delay);
        self
    }

    /// Ends each comment and each `retry` with a blank line of its own: keep-alives, the `retry` with which the stream
    /// opens and the one with which the server closes it, and the events of the body that have nothing else. By default
    /// these are lines without a blank line, which belong to the block of the next event.
    ///
    /// A client that reads lines, as the standard says, reads both alike. This is for clients written by hand that split
    /// the stream at blank lines and look at the first line of each block only, and for undici, Node's `EventSource`,
    /// which obeys a `retry` only when its block has ended. With it, clients that report a block without data as an
    /// event report [phantom events](Event#events-without-data).
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

    /// Marks the normal end of a finite stream with an event of this name and id.
    ///
    /// A browser takes the end of a response for an accident, and comes back. With this the last
    /// thing it gets is `event: done`, and it comes back with `Last-Event-ID: done`; a 204 then
    /// tells it to stop. With `#[sse_handler(end = "done")]` under `#[route]` that happens by itself;
    /// elsewhere [`LastEventId::ended`](crate::extract::LastEventId::ended) tells.
    ///
    /// On the wire: `id: done`, `event: done`, `data: ` and a blank line.
    ///
    /// # Between the last event and the end
    /// A client can be cut off after the body's last event and before the end. It comes back with the id of that event,
    /// not with `done`, and the body runs. It must return then, without an event and without an error: the client gets
    /// the end, and stops. A body that waits for more, or answers with an error because there is nothing after that id,
    /// leaves the client without its end for good. So:
    ///
    /// - Decide by what there is left to send, not by whether the last event was sent just now. A loop over
    ///   `next..=last` does so, and [`LastEventId::next_number`](crate::extract::LastEventId::next_number) gives its `next`.
    /// - Give the end a name that no event has as its id. A client that has seen such an event would be told to stop.
    /// - Where the body cannot tell that an id is that of its last event, give the last event the id of the end, here
    ///   `done`: a client that has it has everything, and gets 204. Its page takes the last event for the end, because
    ///   the end itself may not arrive.
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
    /// The literal is not a valid id. Ids known only at run time go through [`EventId::new`].
    #[must_use]
    pub fn end(mut self, name: impl Into<EventId>) -> Self {
        self.options.end = Some(name.into());
        self
    }

    /// Ends the stream after this time, give or take a tenth, without another word: clients spread over
    /// new servers. By default a stream lives as long as it likes. A stream that must end with a session
    /// or a token has [`close_at`](Self::close_at).
    #[must_use]
    pub const fn max_lifetime(mut self, longest: Duration) -> Self {
        self.options.max_lifetime = Some(longest);
        self
    }

    /// Sets how long a client may take nothing of what was sent, before the connection is closed;
    /// 30 s by default. Only touka's own [`Server`](crate::Server) enforces it.
    #[must_use]
    pub const fn write_timeout(mut self, longest: Duration) -> Self {
        self.options.write_timeout = Some(longest);
        self
    }

    /// Calls this once when the stream is gone, with the reason. It runs in a `drop`, so it must
    /// not block.
    #[must_use]
    pub fn on_close(mut self, then: impl FnOnce(CloseReason) + Send + 'static) -> Self {
        self.lifecycle.on_close(then);
        self
    }

    /// It is nothing but a place in a topic.
    pub(crate) const fn is_subscribed(&self) -> bool {
        self.subscribed
    }

    /// What it is made of, if it is nothing but a place in a topic.
    pub(crate) fn into_subscription(mut self) -> Option<SubscriptionParts> {
        let subscription = self.origin.source.as_mut()?.as_mut().take_subscription()?;
        let credential = self.origin.credential.take();
        Some(SubscriptionParts { subscription, credential, lifecycle: self.lifecycle, options: self.options })
    }

    /// What ends the stream beside its body, to add to it.
    pub(super) fn credential(&mut self) -> &mut Credential {
        self.origin.credential.get_or_insert_default()
    }

    /// Ready when the stream has to end though its body goes on.
    pub(crate) fn poll_credential(&mut self, cx: &mut Context<'_>) -> Poll<Failure> {
        self.origin.credential.as_mut().map_or(Poll::Pending, |credential| credential.poll(cx))
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

    /// The event that the body emitted before the response opened goes to `out`, if there is one.
    pub(crate) fn take_first(&mut self, out: &mut Out<'_, T>) -> bool {
        let Some(first) = self.origin.first.take() else { return false };
        out.put(first);
        true
    }

    /// The next poll may run a body of the user's: what has left it must be flushed before.
    pub(crate) fn runs_a_body(&self) -> bool {
        self.origin.source.as_ref().is_some_and(|source| source.runs_a_body())
    }

    /// What comes next goes to `out`; or why there is nothing.
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

    /// Ends the stream and frees its body.
    pub(crate) fn close(&mut self, reason: CloseReason) {
        self.lifecycle.link().close(reason);
        self.origin.clear();
    }
}

// The first event is moved, never pinned; the source is in a box of its own.
impl<T> Unpin for EventStream<T> {}

/// Yields what the handler emits. What is part of the response and not of this: the `error` event
/// of a handler that failed, what the options send, and the end with a lifetime or a credential. Here
/// the stream just ends.
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
