//! The end of a stream by its credential: `close_at`, `close_when`, `recheck`; and its label.

use std::future::Future;
use std::time::Duration;

use super::deadline::Deadline;
use super::event_stream::EventStream;
use super::recheck::Recheck;
use crate::event::Event;

/// The end of a stream by its credential. The [guide to credentials](crate::guides::credentials) describes
/// reconnects, tokens and logouts.
impl<T> EventStream<T> {
    /// Ends the stream at this time: the expiry of a session or a token. Exactly then, unlike
    /// [`max_lifetime`](Self::max_lifetime).
    ///
    /// The time is a [`SystemTime`](std::time::SystemTime), such as the `exp` of a JWT, an `Instant`, or an
    /// `Option` of one of them. [`Deadline`] describes times in the past and far in the future. The earliest
    /// of several counts.
    ///
    /// The current event is sent whole, then one last event, then the body ends. A stream whose time has come
    /// before it opens consists of a head, that event and the end; its body does not run. The handler's body
    /// is dropped at that time. If the client is blocked, it is dropped when the client reads again, or at
    /// the write timeout. The reason is [`Expired`](crate::CloseReason::Expired). This is not the end of the
    /// content: the event of [`end`](Self::end) is not sent, and a browser reconnects with the id of the last
    /// event that it has seen.
    ///
    /// The end is part of the response. A reader of the [`Stream`](futures_core::Stream) gets all events.
    ///
    /// A [parked](crate::Server::park) subscription ends up to a fifth of a second late, but events that are
    /// published after the time are not sent.
    ///
    /// On the wire: `event: expired`, `data: ` and a blank line, or what [`expired_event`](Self::expired_event) sets.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime, UNIX_EPOCH};
    /// use touka::EventStream;
    ///
    /// /// The claims of a verified token.
    /// struct Claims {
    ///     exp: u64,
    /// }
    ///
    /// async fn prices(claims: Claims) -> EventStream {
    ///     EventStream::generate(|out| async move {
    ///         out.emit("120").await;
    ///     })
    ///     // `None` for an expiry that no clock can represent: it never comes.
    ///     .close_at(UNIX_EPOCH.checked_add(Duration::from_secs(claims.exp)))
    /// }
    /// ```
    #[must_use]
    pub fn close_at(mut self, moment: impl Into<Deadline>) -> Self {
        self.credential().expires(moment.into());
        self
    }

    /// Ends the stream when the future is ready, as [`close_at`](Self::close_at) does at its time: when a
    /// session is revoked, a password is changed, an account is closed. The first of several counts.
    ///
    /// The future is polled when it is woken, beside the body, and must not block: other streams share its
    /// thread. It is dropped when the stream ends. A panic in it, or in its destructor, ends this stream
    /// only, with the `error` event of a body that panics and the reason
    /// [`Panicked`](crate::CloseReason::Panicked).
    ///
    /// ```
    /// use tokio::sync::watch;
    /// use touka::EventStream;
    ///
    /// async fn prices(mut signed_in: watch::Receiver<bool>) -> EventStream {
    ///     EventStream::generate(|out| async move {
    ///         out.emit("120").await;
    ///     })
    ///     .close_when(async move {
    ///         // An error means that the sender is gone, which ends the stream too.
    ///         let _ = signed_in.wait_for(|signed_in| !signed_in).await;
    ///     })
    /// }
    /// ```
    #[must_use]
    pub fn close_when(mut self, future: impl Future<Output = ()> + Send + 'static) -> Self {
        self.credential().watch(future);
        self
    }

    /// Checks at an interval whether the client may stay, and ends the stream as [`close_at`](Self::close_at)
    /// does when the result is `false`.
    ///
    /// The first check starts `every` after the stream has opened, give or take a tenth, and each further one
    /// that long after the last result: streams that were opened together do not check together. The shortest
    /// interval is one millisecond. One check runs at a time. Events are sent meanwhile, and a result of
    /// `true` writes nothing to the client.
    ///
    /// The check must not block, and a future that is never ready ends nothing: give a call to another
    /// machine a timeout, and decide what that means. A panic ends the stream, as with
    /// [`close_when`](Self::close_when).
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use touka::EventStream;
    ///
    /// struct Sessions;
    ///
    /// impl Sessions {
    ///     async fn is_valid(&self, session: u64) -> bool {
    ///         session > 0
    ///     }
    /// }
    ///
    /// async fn prices(sessions: Arc<Sessions>, session: u64) -> EventStream {
    ///     EventStream::generate(|out| async move {
    ///         out.emit("120").await;
    ///     })
    ///     .recheck(Duration::from_secs(60), move || {
    ///         let sessions = Arc::clone(&sessions);
    ///         async move { sessions.is_valid(session).await }
    ///     })
    /// }
    /// ```
    #[must_use]
    pub fn recheck<A, F>(mut self, every: Duration, ask: A) -> Self
    where
        A: FnMut() -> F + Send + 'static,
        F: Future<Output = bool> + Send + 'static,
    {
        self.credential().watch(Recheck::new(every, ask));
        self
    }

    /// Sets the last event of a stream that [`close_at`](Self::close_at), [`close_when`](Self::close_when) or
    /// [`recheck`](Self::recheck) ends. By default this is an event with the name `expired`, empty data and
    /// no id.
    ///
    /// Set no id, unless the client is to reconnect with it. A `retry` keeps an `EventSource` from
    /// reconnecting for that long, if its page does not close it. An `Event::new()` sends nothing.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use touka::{Event, EventStream};
    ///
    /// async fn prices(session_ends: SystemTime) -> EventStream {
    ///     EventStream::generate(|out| async move {
    ///         out.emit("120").await;
    ///     })
    ///     .close_at(session_ends)
    ///     .expired_event(Event::data("sign in again").event("signed-out").retry(Duration::from_secs(3600)))
    /// }
    /// ```
    #[must_use]
    pub fn expired_event(mut self, event: impl Into<Event>) -> Self {
        self.credential().set_last(event.into());
        self
    }

    /// Sets a label of the stream, such as the user that it belongs to.
    /// [`OpenStream::label`](crate::server::OpenStream::label) returns it, so a logout can close the streams
    /// of a user. If it is set twice, the first label stays.
    ///
    /// The label stays within the server: it is not sent to clients, logged or put into metrics. It takes
    /// memory for as long as the stream is open.
    ///
    /// ```
    /// use touka::EventStream;
    /// use touka::server::Handle;
    ///
    /// async fn prices(user: u64) -> EventStream {
    ///     EventStream::generate(|out| async move {
    ///         out.emit("120").await;
    ///     })
    ///     .label(format!("user {user}"))
    /// }
    ///
    /// /// Closes the streams that the user has open in this process.
    /// fn log_out(handle: &Handle, user: u64) {
    ///     let label = format!("user {user}");
    ///     handle.close(|stream| stream.label() == Some(label.as_str()));
    /// }
    /// ```
    #[must_use]
    pub fn label(self, label: impl Into<Box<str>>) -> Self {
        self.lifecycle().link().set_label(label.into());
        self
    }
}
