//! [`Events`], an open event stream and the client that reads it.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::response::Parts;
use serde::de::DeserializeOwned;

use super::link::Link;
use super::reader::{Came, Reader};
use super::received::Received;
use super::request::TestRequest;
use super::wait::{Limit, Wait};
use super::watch::counted;

/// How long "now" is: long enough for whatever can run to run. A paused clock moves on only when
/// nothing can.
const NOW: Duration = Duration::from_millis(1);

/// An open event stream, read as an `EventSource` reads it.
///
/// Bytes are read while the test waits for an event or looks at what has come, and not before. So
/// a handler that never pauses is held back, as by a slow client: once the pipe and hyper's buffer
/// are full, it waits at its emit.
///
/// What [`comments`](Self::comments), [`retry`](Self::retry) and
/// [`last_event_id`](Self::last_event_id) tell goes as far as the test has read: up to the first
/// event that it has not taken.
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
/// assert_eq!(events.next::<u64>().await, 1);
/// assert_eq!(events.next_event().await.unwrap().data, "2");
/// assert_eq!(events.last_event_id(), "2");
/// assert_eq!(events.rest().await.len(), 1);
/// app.assert_nothing_left().await;
/// # });
/// ```
pub struct Events {
    /// For messages, and to come back.
    request: TestRequest,
    head: Parts,
    reader: Reader,
    /// How many events the test has taken, and the last of them.
    taken: usize,
    last: Option<Received>,
}

impl Events {
    pub(super) fn new(request: TestRequest, head: Parts, link: Link, last_id: &str) -> Self {
        Self { request, head, reader: Reader::new(link, last_id), taken: 0, last: None }
    }

    /// The headers of the response.
    pub const fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    // ===== events =====

    /// The next event; `None` at the stream's end.
    ///
    /// # Panics
    /// Neither comes within the limit, or the connection breaks.
    #[track_caller]
    pub fn next_event(&mut self) -> Wait<'_, Option<Received>> {
        Wait::new(self.request.limit(), |limit| async move { self.take(limit).await })
    }

    /// The next event's data, read as JSON.
    ///
    /// # Panics
    /// As [`next_event`](Self::next_event); also when the stream ends instead, and when the data
    /// is no JSON of a `T`: the message shows it.
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
    /// let price: Price = events.next().await;
    /// assert_eq!(price.cents, 120);
    /// # });
    /// ```
    #[track_caller]
    #[expect(clippy::should_implement_trait, reason = "it takes a type, and is awaited: nobody mistakes it")]
    pub fn next<T: DeserializeOwned>(&mut self) -> Wait<'_, T> {
        Wait::new(self.request.limit(), |limit| async move {
            match self.take(limit).await {
                Some(event) => event.json_for(limit.caller()),
                None => self.fail(limit, "ended instead of sending an event"),
            }
        })
    }

    /// All events until the stream's end.
    ///
    /// # Panics
    /// The stream does not end within the limit, or the connection breaks.
    #[track_caller]
    pub fn rest(&mut self) -> Wait<'_, Vec<Received>> {
        Wait::new(self.request.limit(), |limit| async move {
            let mut rest = Vec::new();
            while let Some(event) = self.take(limit).await {
                rest.push(event);
                // A stream that is always ready would never let the time run out.
                if limit.is_over() {
                    self.fail(limit, &format!("did not end within {:?}", limit.longest()));
                }
            }
            rest
        })
    }

    /// Whether the test has read all that has come, and more may come. It takes a millisecond; a
    /// paused clock moves on that far only when nothing else in the program can run.
    pub async fn is_pending(&mut self) -> bool {
        self.came_within(NOW).await.is_none()
    }

    /// Asserts that nothing more has come: no event and no end.
    ///
    /// # Panics
    /// One has; the message shows it.
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

    /// Asserts that for this long no event comes, and no end. Comments may.
    ///
    /// # Panics
    /// One does; the message shows it.
    #[track_caller]
    pub fn assert_silent(&mut self, time: Duration) -> Wait<'_, ()> {
        Wait::new(self.request.limit(), move |limit| async move {
            match self.came_within(time).await {
                None => {}
                Some(Came::End) => self.fail(limit, "ended where nothing was to come"),
                Some(Came::Event | Came::Comment) => {
                    self.fail(limit, &format!("sent an {} where nothing was to come", self.next_shown()))
                }
            }
        })
    }

    // ===== what is no event =====

    /// The next comment; the keep-alive is one, with an empty text.
    ///
    /// # Panics
    /// An event or the end comes first, or nothing within the limit: the keep-alive comes after
    /// 15 s, so it needs [`within`](Wait::within).
    #[track_caller]
    pub fn next_comment(&mut self) -> Wait<'_, String> {
        Wait::new(self.request.limit(), |limit| async move {
            match self.wait(limit, "comment", Reader::poll_comment).await {
                Came::Comment => self.reader.take_comment().unwrap_or_default(),
                Came::End => self.fail(limit, "ended instead of sending a comment"),
                Came::Event => self.fail(limit, &format!("sent an {} instead of a comment", self.next_shown())),
            }
        })
    }

    /// The comments so far, also those that [`next_comment`](Self::next_comment) gave.
    pub fn comments(&mut self) -> Vec<String> {
        self.reader.arrive();
        self.reader.parser().comments().to_vec()
    }

    /// The reconnection time that the server has set.
    pub fn retry(&mut self) -> Option<Duration> {
        self.reader.arrive();
        self.reader.parser().retry()
    }

    /// The id that [`reconnect`](Self::reconnect) sends: that of the last event that the test has
    /// taken, or of a block without data behind it. Empty for none.
    pub fn last_event_id(&mut self) -> String {
        self.reader.arrive();
        self.reader.last_id().to_owned()
    }

    /// The pieces of the body, as they came: one for each frame that the server has sent, unless
    /// it was larger than what hyper reads at once. All that has come, whether taken or not.
    pub fn frames(&mut self) -> Vec<Bytes> {
        self.reader.arrive();
        self.reader.frames().to_vec()
    }

    /// The bytes of the body, all that have come.
    pub fn bytes(&mut self) -> Bytes {
        self.frames().concat().into()
    }

    // ===== the client =====

    /// Takes nothing more off the server, which stays connected: what it writes from now on stays
    /// with it, and once hyper has 64 KiB or 16 frames, the handler waits at its emit.
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
        self.reader.link().valve().close();
    }

    /// Ends a [`stall`](Self::stall).
    pub fn resume(&mut self) {
        self.reader.link().valve().open();
    }

    /// Closes the connection, as a client that leaves. Dropping this does the same.
    pub fn disconnect(self) {
        drop(self);
    }

    /// Closes the connection, if it still is open, and comes back at once with the same request
    /// and the last event id. `None` if the server answers 204, which tells a client that the
    /// stream has ended for good.
    ///
    /// # Panics
    /// The answer is neither 204 nor an event stream.
    ///
    /// ```
    /// # use touka::{Event, Router, extract::LastEventId, route, routes, sse_handler, testing::TestApp};
    /// #[sse_handler]
    /// #[route(GET, "/count")]
    /// async fn count(LastEventId(last): LastEventId) {
    ///     for number in last.and_then(|id| id.as_u64()).unwrap_or(0) + 1.. {
    ///         emit!(Event::data(number.to_string()).id(number));
    ///     }
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
    /// # let app = TestApp::new(Router::new().mount(routes![count]));
    /// let mut events = app.get("/count").events().await;
    /// assert_eq!(events.next::<u64>().await, 1);
    /// let mut events = events.reconnect().await.expect("more");
    /// assert_eq!(events.next::<u64>().await, 2);
    /// # });
    /// ```
    #[track_caller]
    pub fn reconnect(mut self) -> Wait<'static, Option<Self>> {
        let last_id = self.last_event_id();
        let request = self.request.clone();
        drop(self);
        Wait::new(request.limit(), |limit| async move { request.resume(&last_id, limit).await })
    }

    // ===== inside =====

    /// The next event, taken from the stream.
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
        poll: impl Fn(&mut Reader, &mut Context<'_>) -> Poll<Result<Came, String>>,
    ) -> Came {
        match limit.wait(poll_fn(|cx| poll(&mut self.reader, cx))).await {
            Some(Ok(came)) => came,
            Some(Err(reason)) => self.fail(limit, &format!("broke off: {reason}")),
            None => self.fail(limit, &format!("sent no {what} within {:?}", limit.longest())),
        }
    }

    async fn came_within(&mut self, time: Duration) -> Option<Came> {
        let came = tokio::time::timeout(time, poll_fn(|cx| self.reader.poll_event(cx))).await.ok()?;
        // Whoever takes the next event hears that the connection is broken.
        Some(came.unwrap_or(Came::End))
    }

    /// The event that comes next, for a message.
    fn next_shown(&self) -> String {
        self.reader.event().map(Received::to_string).unwrap_or_default()
    }

    /// Fails the test: what the stream did, and how far it had come.
    fn fail(&self, limit: Limit, did: &str) -> ! {
        let comments = self.reader.parser().comments().len();
        let last = self.last.as_ref().map_or_else(String::new, |event| format!("; the last was {event}"));
        let (events, comments) = (counted(self.taken, "event", "events"), counted(comments, "comment", "comments"));
        let so_far = format!("{events}, {comments}{last}");
        let stalled = ("hint", "the client is stalled: call `resume` first");
        let hints: &[_] = if self.reader.link().valve().is_closed() { &[stalled] } else { &[] };
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
