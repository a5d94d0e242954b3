//! [`TestResponse`], the response to a request of a test.

use std::borrow::Cow;
use std::future::poll_fn;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{AsHeaderName, CONTENT_TYPE};
use http::response::Parts;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use super::events::Events;
use super::link::Link;
use super::received::from_json;
use super::request::TestRequest;
use super::wait::{Limit, Wait};

/// How much of a response's text a message shows.
const MOST_SHOWN: usize = 2000;

/// How long a message waits for the rest of what it shows.
const SHOWN_WITHIN: Duration = Duration::from_millis(100);

/// A response: its head, and a body that is still to be read.
///
/// ```
/// use touka::{Router, route, routes, testing::TestApp};
///
/// #[route(GET, "/numbers")]
/// async fn numbers() -> ([(&'static str, &'static str); 1], &'static str) {
///     ([("content-type", "application/json")], "[1,2,3]")
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// let response = TestApp::new(Router::new().mount(routes![numbers])).get("/numbers").send().await;
/// assert_eq!(response.header("content-type"), Some("application/json"));
/// assert_eq!(response.json::<Vec<u8>>().await, [1, 2, 3]);
/// # });
/// ```
pub struct TestResponse {
    /// Of which request, for messages.
    line: String,
    limit: Duration,
    head: Parts,
    link: Link,
}

impl TestResponse {
    pub(super) const fn new(line: String, limit: Duration, head: Parts, link: Link) -> Self {
        Self { line, limit, head, link }
    }

    /// The status.
    pub const fn status(&self) -> StatusCode {
        self.head.status
    }

    /// All headers.
    pub const fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// The text of a header.
    ///
    /// # Panics
    /// It was sent more than once, or is not text: [`headers`](Self::headers) has it all the same.
    #[track_caller]
    pub fn header(&self, name: impl AsHeaderName) -> Option<&str> {
        let shown = name.as_str().to_owned();
        let mut values = self.head.headers.get_all(name).iter();
        let value = values.next()?;
        assert!(values.next().is_none(), "{} sent the header {shown} more than once", self.line);
        Some(
            value
                .to_str()
                .unwrap_or_else(|_| panic!("{} sent a header {shown} that is not text: {value:?}", self.line)),
        )
    }

    /// The whole body.
    ///
    /// # Panics
    /// It does not end within the limit, or breaks off.
    #[track_caller]
    pub fn bytes(mut self) -> Wait<'static, Bytes> {
        Wait::new(self.limit, |limit| async move { self.read(limit).await })
    }

    /// The whole body as text.
    ///
    /// # Panics
    /// As [`bytes`](Self::bytes); also when the body is not UTF-8.
    #[track_caller]
    pub fn text(mut self) -> Wait<'static, String> {
        Wait::new(self.limit, |limit| async move {
            let bytes = self.read(limit).await;
            String::from_utf8(bytes.into()).unwrap_or_else(|error| {
                let got = String::from_utf8_lossy(error.as_bytes()).into_owned();
                limit.fail(&format!("the body of {} is not UTF-8", self.line), &[("got", &got)])
            })
        })
    }

    /// The whole body, read as JSON.
    ///
    /// # Panics
    /// As [`bytes`](Self::bytes); also when the body is no JSON of a `T`: the message shows it.
    #[track_caller]
    pub fn json<T: DeserializeOwned + 'static>(mut self) -> Wait<'static, T> {
        Wait::new(self.limit, |limit| async move {
            let bytes = self.read(limit).await;
            from_json(limit.caller(), &format!("the body of {}", self.line), &bytes)
        })
    }

    async fn read(&mut self, limit: Limit) -> Bytes {
        let mut body = BytesMut::new();
        loop {
            match limit.wait(poll_fn(|cx| self.link.poll_piece(cx))).await {
                // A body that is always ready would never let the time run out.
                Some(Some(Ok(piece))) if !limit.is_over() => body.extend_from_slice(&piece),
                Some(None) => return body.freeze(),
                Some(Some(Err(reason))) => limit.fail(
                    &format!("the body of {} broke off", self.line),
                    &[("reason", &reason), ("got", &shown(&body))],
                ),
                Some(Some(Ok(_))) | None => limit.fail(
                    &format!("the body of {} did not end within {:?}", self.line, limit.longest()),
                    &[
                        ("got", &shown(&body)),
                        ("hint", "an event stream is read with `.events()` instead of `.send()`"),
                    ],
                ),
            }
        }
    }

    /// The event stream that this response must be.
    pub(super) async fn open(mut self, limit: Limit, request: TestRequest, last_id: &str) -> Events {
        let content_type = self.head.headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let essence = content_type.as_deref().and_then(|value| value.split(';').next()).unwrap_or_default();
        if self.head.status == StatusCode::OK && essence.trim().eq_ignore_ascii_case("text/event-stream") {
            return Events::new(request, self.head, self.link, last_id);
        }
        let content_type = content_type.map_or("without a content type".to_owned(), Cow::into_owned);
        let got = format!("{} {content_type}", self.head.status);
        let body = self.glimpse().await;
        limit.fail(
            &format!("{} did not open an event stream", self.line),
            &[("expected", "200 OK text/event-stream"), ("got", &got), ("body", &body)],
        )
    }

    /// The beginning of the body, as far as it comes soon.
    async fn glimpse(&mut self) -> String {
        let mut body = Vec::new();
        let _ = tokio::time::timeout(SHOWN_WITHIN, async {
            while let Some(Ok(piece)) = poll_fn(|cx| self.link.poll_piece(cx)).await {
                body.extend_from_slice(&piece);
                if body.len() > MOST_SHOWN {
                    break;
                }
            }
        })
        .await;
        shown(&body)
    }
}

/// The beginning of a body, as text.
fn shown(body: &[u8]) -> String {
    if body.is_empty() {
        return "(empty)".to_owned();
    }
    let more = if body.len() > MOST_SHOWN { "…" } else { "" };
    String::from_utf8_lossy(&body[..body.len().min(MOST_SHOWN)]).into_owned() + more
}

impl std::fmt::Debug for TestResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("TestResponse");
        debug.field("request", &self.line).field("status", &self.head.status).field("headers", &self.head.headers);
        debug.finish_non_exhaustive()
    }
}
