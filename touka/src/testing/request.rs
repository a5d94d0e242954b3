//! [`TestRequest`], a request to an app under test.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Uri};
use http_body_util::Full;
use serde::Serialize;

use super::app::TestApp;
use super::events::Events;
use super::link::{Link, describe};
use super::response::TestResponse;
use super::wait::{Limit, Wait};
use super::watch::Part;

/// A request to an app under test. [`TestApp`] makes it; [`send`](Self::send) sends it and reads
/// any response, [`events`](Self::events) an event stream.
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
#[must_use = "a request goes out only with `send` or `events`"]
pub struct TestRequest {
    app: TestApp,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
    limit: Duration,
}

impl TestRequest {
    #[track_caller]
    pub(super) fn new(app: TestApp, method: Method, path: &str) -> Self {
        let uri = match path.parse::<Uri>() {
            Ok(uri) if path.starts_with('/') => uri,
            Ok(_) => panic!("the path {path:?} does not begin with `/`"),
            Err(error) => panic!("the path {path:?} cannot be sent: {error}"),
        };
        let limit = app.limit();
        Self { app, method, uri, headers: HeaderMap::new(), body: Bytes::new(), limit }
    }

    /// Adds a header.
    ///
    /// # Panics
    /// The name or the value is none that can be sent.
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
            Ok(value) => self.headers.append(name, value),
            Err(error) => panic!("the value of the header {name} cannot be sent: {error}"),
        };
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the body to a value's JSON, and the content type to match.
    ///
    /// # Panics
    /// The value cannot be written as JSON.
    #[track_caller]
    pub fn json(mut self, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(json) => self.body = json.into(),
            Err(error) => panic!("the body cannot be written as JSON: {error}"),
        }
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self
    }

    /// Sets how long each wait of this request and its response may take, in place of the app's
    /// limit.
    pub const fn within(mut self, longest: Duration) -> Self {
        self.limit = longest;
        self
    }

    /// Sends the request and waits for the head of the response.
    ///
    /// # Panics
    /// No response comes.
    #[track_caller]
    pub fn send(self) -> Wait<'static, TestResponse> {
        Wait::new(self.limit, |limit| self.respond(limit))
    }

    /// Sends the request as an `EventSource` does, and waits until the stream is open.
    ///
    /// # Panics
    /// The response is anything but 200 with `content-type: text/event-stream`; the message shows
    /// its status and its body.
    #[track_caller]
    pub fn events(self) -> Wait<'static, Events> {
        Wait::new(self.limit, |limit| async move {
            let request = self.like_event_source();
            request.clone().respond(limit).await.open(limit, request, "").await
        })
    }

    /// Comes back to the stream of this request; `None` if the server says that it has ended.
    pub(super) async fn resume(mut self, last_id: &str, limit: Limit) -> Option<Events> {
        const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
        self.headers.remove(LAST_EVENT_ID);
        if !last_id.is_empty() {
            match HeaderValue::from_bytes(last_id.as_bytes()) {
                Ok(id) => self.headers.insert(LAST_EVENT_ID, id),
                Err(_) => limit.fail(&format!("the id {last_id:?} of {} cannot be a header", self.line()), &[]),
            };
        }
        let response = self.clone().respond(limit).await;
        if response.status() == http::StatusCode::NO_CONTENT {
            return None;
        }
        Some(response.open(limit, self, last_id).await)
    }

    /// The headers that every `EventSource` sends, unless the test has set others.
    fn like_event_source(mut self) -> Self {
        self.headers.entry(ACCEPT).or_insert(HeaderValue::from_static("text/event-stream"));
        self.headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
        self
    }

    async fn respond(self, limit: Limit) -> TestResponse {
        let exchange = self.app.exchange(self.line());
        let (stream, valve) = self.app.connect(&exchange);
        let opened = limit.wait(Link::open(stream, valve, exchange.alive(Part::Client), self.to_http())).await;
        match opened {
            Some(Ok((head, link))) => TestResponse::new(self.line(), self.limit, head, link),
            Some(Err(error)) => {
                let what = format!("{} was not answered: the connection ended", self.line());
                let reason = describe(&error);
                let hint = "did a handler, a layer or the body fail, or had the app been shut down?";
                limit.fail(&what, &[("reason", &reason), ("hint", hint)])
            }
            None => {
                let what = format!("{} was not answered within {:?}", self.line(), limit.longest());
                limit.fail(&what, &[("hint", "give it longer with `.within(…)`, or see what the handler waits for")])
            }
        }
    }

    fn to_http(&self) -> http::Request<Full<Bytes>> {
        let mut request = http::Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().entry(HOST).or_insert(HeaderValue::from_static("localhost"));
        request
    }

    /// How messages call it.
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.method, self.uri)
    }

    pub(super) const fn limit(&self) -> Duration {
        self.limit
    }
}
