//! [`Events`], an open event stream and the client that reads it.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::response::Parts;
use serde::de::DeserializeOwned;

use super::client::TestClient;
use super::outgoing::Outgoing;
use super::reader::{Arrived, Reader};
use super::received::Received;
use super::wait::{Limit, Wait};
use super::watch::counted;

/// The time in which everything that can run has run. A paused clock advances only when nothing else can run.
const NOW: Duration = Duration::from_millis(1);

/// An open event stream, read as an `EventSource` reads it.
///
/// Bytes are read only while the test waits for an event or looks at what has arrived. So a handler that
/// never pauses gets back-pressure, as from a slow client: once the pipe and hyper's buffer are full, it
/// waits at its emit.
///
/// [`comments`](Self::comments), [`retry`](Self::retry) and [`last_event_id`](Self::last_event_id) cover what
/// the test has read: up to the first event that it has not taken.
///
/// ```
/// use touka::{Event, Router, route, routes, sse_handler, testing::TestApp};
///
/// #[sse_handler]
/// #[route(GET, "/count")]
/// async fn count() {
///     for number in 1..=3u64 {
///         emit!(Event::data(number.to_string()).id(number));
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// let app = TestApp::new(Router::new().mount(routes![count]));
/// let mut events = app.get("/count").events().await;
/// assert_eq!(events.next_json::<u64>().await, 1);
/// assert_eq!(events.next_event().await.unwrap().data, "2");
/// assert_eq!(events.last_event_id(), "2");
/// assert_eq!(events.rest().await.len(), 1);
/// app.assert_nothing_left().await;
/// # });
/// ```
pub struct Events {
    /// Used in messages and for a reconnect.
    request: Outgoing,
    head: Parts,
    reader: Reader,
    /// The number of events that the test has taken, and the last of them.
    taken: usize,
    last: Option<Received>,
}

impl Events {
    pub(super) fn new(request: Outgoing, head: Parts, client: TestClient, last_id: &str) -> Self {
        Self { request, head, reader: Reader::new(client, last_id), taken: 0, last: None }
    }

    /// Returns the headers of the response.
    pub const fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    // ===== events =====

    /// Waits for the next event; `None` at the end of the stream.
    ///
    /// # Panics
    /// No event and no end comes within the timeout, or the connection breaks.
    #[track_caller]
    pub fn next_event(&mut self) -> Wait<'_, Option<Received>> {
        Wait::new(self.request.timeout, |limit| async move { self.take(limit).await })
    }

    /// Waits for the next event and deserializes its data from JSON.
    ///
    /// # Panics
    /// As [`next_event`](Self::next_event). Also when the stream ends instead, and when the data is not the
    /// JSON of a `T`: the message shows it.
    ///
    /// ```
    /// # use touka::{Router, route, routes, sse_handler, testing::TestApp};
    /// # #[sse_handler] #[route(GET, "/prices")] async fn prices() { emit!(r#"{"cents":120}"#); }
    /// #[derive(serde::Deserialize)]
    /// struct Price {
    ///     cents: u32,
    /// }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
    /// # let app = TestApp::new(Router::new().mount(routes![prices]));
    /// let mut events = app.get("/prices").events().await;
    /// let price: Price = events.next_json().await;
    /// assert_eq!(price.cents, 120);
    /// # });
    /// ```
    #[track_caller]
    pub fn next_json<T: DeserializeOwned>(&mut self) -> Wait<'_, T> {
        Wait::new(self.request.timeout, |limit| async move {
            match self.take(limit).await {
                Some(event) => event.json_for(limit.caller()),
                None => self.fail(limit, "ended instead of sending an event"),
            }
        })
    }

    /// Waits for the end of the stream and returns all events until then.
    ///
    /// # Panics
    /// The stream does not end within the timeout, or the connection breaks.
    #[track_caller]
    pub fn rest(&mut self) -> Wait<'_, Vec<Received>> {
        Wait::new(self.request.timeout, |limit| async move {
            let mut rest = Vec::new();
            while let Some(event) = self.take(limit).await {
                rest.push(event);
                // A wait on a stream that is always ready never times out by itself.
                if limit.is_over() {
                    self.fail(limit, &format!("did not end within {:?}", limit.timeout()));
                }
            }
            rest
        })
    }

    /// Whether the test has read all that has arrived and the stream is still open. This takes a millisecond;
    /// a paused clock advances that far only when nothing else in the program can run.
    pub async fn is_pending(&mut self) -> bool {
        self.next_within(NOW).await.is_none()
    }

    /// Asserts that nothing more has arrived: no event and no end.
    ///
    /// # Panics
    /// Something has. The message shows it.
    ///
    /// ```
    /// # use touka::{Router, route, routes, sse_handler, testing::TestApp};
    /// # #[sse_handler] #[route(GET, "/one")] async fn one() { emit!("one"); std::future::pending().await }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
    /// # let app = TestApp::new(Router::new().mount(routes![one]));
    /// let mut events = app.get("/one").events().await;
    /// assert_eq!(events.next_event().await.unwrap().data, "one");
    /// events.assert_pending().await;
    /// # });
    /// ```
    #[track_caller]
    pub fn assert_pending(&mut self) -> Wait<'_, ()> {
        self.assert_silent(NOW)
    }

    /// Asserts that no event and no end comes for this long. Comments may come.
    ///
    /// # Panics
    /// Something does. The message shows it.
    #[track_caller]
    pub fn assert_silent(&mut self, time: Duration) -> Wait<'_, ()> {
        Wait::new(self.request.timeout, move |limit| async move {
            match self.next_within(time).await {
                None => {}
                Some(Arrived::End) => self.fail(limit, "ended, but was expected to stay open"),
                Some(Arrived::Event | Arrived::Comment) => {
                    self.fail(limit, &format!("sent an {}, but none was expected", self.next_shown()))
                }
            }
        })
    }

    // ===== comments, ids and bytes =====

    /// Waits for the next comment. A keep-alive is a comment with an empty text.
    ///
    /// # Panics
    /// An event or the end comes first, or nothing comes within the timeout. The keep-alive comes after 15 s,
    /// so it needs a longer [`timeout`](Wait::timeout).
    #[track_caller]
    pub fn next_comment(&mut self) -> Wait<'_, String> {
        Wait::new(self.request.timeout, |limit| async move {
            match self.wait(limit, "comment", Reader::poll_comment).await {
                Arrived::Comment => self.reader.take_comment().unwrap_or_default(),
                Arrived::End => self.fail(limit, "ended instead of sending a comment"),
                Arrived::Event => self.fail(limit, &format!("sent an {} instead of a comment", self.next_shown())),
            }
        })
    }

    /// Returns the comments so far, including those that [`next_comment`](Self::next_comment) has returned.
    pub fn comments(&mut self) -> Vec<String> {
        self.reader.receive();
        self.reader.parser().comments().to_vec()
    }

    /// Returns the reconnection time that the server has set.
    pub fn retry(&mut self) -> Option<Duration> {
        self.reader.receive();
        self.reader.parser().retry()
    }

    /// Returns the id that [`reconnect`](Self::reconnect) sends: that of the last event that the test has
    /// taken, or of a block without data after it. Empty for none.
    pub fn last_event_id(&mut self) -> String {
        self.reader.receive();
        self.reader.last_id().to_owned()
    }

    /// Returns the pieces of the body as they arrived: one for each frame that the server has sent, unless it
    /// was larger than hyper's read buffer. Pieces are included whether their events were taken or not.
    pub fn frames(&mut self) -> Vec<Bytes> {
        self.reader.receive();
        self.reader.frames().to_vec()
    }

    /// Returns all bytes of the body that have arrived.
    pub fn bytes(&mut self) -> Bytes {
        self.frames().concat().into()
    }

    // ===== the client =====

    /// Stops reading, and stays connected. What the server writes from now on stays on its side: once hyper
    /// has buffered 64 KiB or 16 frames, the handler waits at its emit.
    ///
    /// ```
    /// # use touka::{Router, route, routes, sse_handler, testing::TestApp};
    /// # #[sse_handler] #[route(GET, "/flood")] async fn flood() { loop { emit!("x"); } }
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
    /// # let app = TestApp::new(Router::new().mount(routes![flood]));
    /// let mut events = app.get("/flood").events().await;
    /// events.stall();
    /// // … the handler waits …
    /// events.resume();
    /// assert_eq!(events.next_event().await.unwrap().data, "x");
    /// # });
    /// ```
    pub fn stall(&mut self) {
        self.reader.client().valve().close();
    }

    /// Ends a [`stall`](Self::stall).
    pub fn resume(&mut self) {
        self.reader.client().valve().open();
    }

    /// Closes the connection, as a client that leaves. Dropping the value does the same.
    pub fn disconnect(self) {
        drop(self);
    }

    pub(super) fn into_request(self) -> Outgoing {
        self.request
    }

    // ===== private =====

    /// Takes the next event from the stream.
    async fn take(&mut self, limit: Limit) -> Option<Received> {
        self.wait(limit, "event", Reader::poll_event).await;
        let event = self.reader.take_event()?;
        self.taken += 1;
        self.last = Some(event.clone());
        Some(event)
    }

    async fn wait(
        &mut self,
        limit: Limit,
        what: &str,
        poll: impl Fn(&mut Reader, &mut Context<'_>) -> Poll<Result<Arrived, String>>,
    ) -> Arrived {
        match limit.wait(poll_fn(|cx| poll(&mut self.reader, cx))).await {
            Some(Ok(arrived)) => arrived,
            Some(Err(reason)) => self.fail(limit, &format!("broke off: {reason}")),
            None => self.fail(limit, &format!("sent no {what} within {:?}", limit.timeout())),
        }
    }

    async fn next_within(&mut self, time: Duration) -> Option<Arrived> {
        let arrived = tokio::time::timeout(time, poll_fn(|cx| self.reader.poll_event(cx))).await.ok()?;
        // The error is reported by the wait for the next event.
        Some(arrived.unwrap_or(Arrived::End))
    }

    /// The next event, as messages show it.
    fn next_shown(&self) -> String {
        self.reader.event().map(Received::to_string).unwrap_or_default()
    }

    /// Fails the test, with what the stream did and how much was read of it.
    fn fail(&self, limit: Limit, did: &str) -> ! {
        let comments = self.reader.parser().comments().len();
        let last = self.last.as_ref().map_or_else(String::new, |event| format!("; the last was {event}"));
        let (events, comments) = (counted(self.taken, "event", "events"), counted(comments, "comment", "comments"));
        let so_far = format!("{events}, {comments}{last}");
        let stalled = ("hint", "the client is stalled: call `resume` first");
        let hints: &[_] = if self.reader.client().valve().is_closed() { &[stalled] } else { &[] };
        limit.fail(&format!("{} {did}", self.request.line()), &[&[("so far", so_far.as_str())], hints].concat())
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Events");
        debug
            .field("request", &self.request.line())
            .field("taken", &self.taken)
            .field("last_id", &self.reader.last_id());
        debug.finish_non_exhaustive()
    }
}
