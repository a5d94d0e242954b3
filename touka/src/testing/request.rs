//! [`TestRequest`], a request to an app under test.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Uri};
use serde::Serialize;

use super::events::Events;
use super::outgoing::Outgoing;
use super::response::TestResponse;
use super::target::Target;
use super::wait::Wait;

/// A request to an app under test, made by [`TestApp`](super::TestApp). [`send`](Self::send) sends
/// it and reads any response, [`events`](Self::events) an event stream.
///
/// ```
/// use touka::{Router, route, routes, testing::TestApp};
///
/// #[route(POST, "/shout")]
/// async fn shout(text: String) -> String {
///     text.to_uppercase()
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// let app = TestApp::new(Router::new().mount(routes![shout]));
/// let response = app.post("/shout").header("content-type", "text/plain").body("hello").send().await;
/// assert_eq!(response.text().await, "HELLO");
/// # });
/// ```
#[derive(Clone, Debug)]
#[must_use = "a request is sent only by `send` or `events`"]
pub struct TestRequest {
    request: Outgoing,
}

impl TestRequest {
    #[track_caller]
    pub(super) fn new(target: Target, method: Method, path: &str) -> Self {
        let uri = match path.parse::<Uri>() {
            Ok(uri) if path.starts_with('/') => uri,
            Ok(_) => panic!("the path {path:?} does not begin with `/`"),
            Err(error) => panic!("the path {path:?} cannot be sent: {error}"),
        };
        let timeout = target.timeout;
        Self { request: Outgoing { target, method, uri, headers: HeaderMap::new(), body: Bytes::new(), timeout } }
    }

    /// Adds a header.
    ///
    /// # Panics
    /// The name or the value is not valid in a header.
    #[track_caller]
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName, Error: fmt::Display>,
        V: TryInto<HeaderValue, Error: fmt::Display>,
    {
        let name = match name.try_into() {
            Ok(name) => name,
            Err(error) => panic!("the header's name cannot be sent: {error}"),
        };
        match value.try_into() {
            Ok(value) => self.request.headers.append(name, value),
            Err(error) => panic!("the value of the header {name} cannot be sent: {error}"),
        };
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.request.body = body.into();
        self
    }

    /// Sets the body to a value's JSON, and the content type to match.
    ///
    /// # Panics
    /// The value cannot be serialized as JSON.
    #[track_caller]
    pub fn json(mut self, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(json) => self.request.body = json.into(),
            Err(error) => panic!("the body cannot be serialized as JSON: {error}"),
        }
        self.request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self
    }

    /// Sets the timeout of each wait of this request and its response, in place of the app's.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.request.timeout = timeout;
        self
    }

    /// Sends the request and waits for the head of the response.
    ///
    /// # Panics
    /// No response comes within the timeout, or the connection ends before one.
    #[track_caller]
    pub fn send(self) -> Wait<'static, TestResponse> {
        Wait::new(self.request.timeout, |limit| async move {
            let (head, client) = self.request.send(limit).await;
            TestResponse::new(&self.request, head, client)
        })
    }

    /// Sends the request as an `EventSource` does, and waits until the stream is open.
    ///
    /// # Panics
    /// The response is not 200 with `content-type: text/event-stream`. The message shows its
    /// status and its body.
    #[track_caller]
    pub fn events(mut self) -> Wait<'static, Events> {
        self.request.accept_events();
        Wait::new(self.request.timeout, |limit| Events::open(self.request, limit))
    }
}
