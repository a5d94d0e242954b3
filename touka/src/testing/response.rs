//! [`TestResponse`], the response to a request of a test.

use std::future::poll_fn;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::AsHeaderName;
use http::response::Parts;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use super::client::TestClient;
use super::outgoing::Outgoing;
use super::received::from_json;
use super::wait::{Limit, Wait};

/// The most bytes of a body that a message shows.
const MAX_SHOWN: usize = 2000;

/// How long a failing test waits for the body that its message shows.
const SHOWN_TIMEOUT: Duration = Duration::from_millis(100);

/// A response: its head, and a body that is not read yet.
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
    /// The request, as messages show it.
    line: String,
    timeout: Duration,
    head: Parts,
    client: TestClient,
}

impl TestResponse {
    pub(super) fn new(request: &Outgoing, head: Parts, client: TestClient) -> Self {
        Self { line: request.line(), timeout: request.timeout, head, client }
    }

    /// Returns the status.
    pub const fn status(&self) -> StatusCode {
        self.head.status
    }

    /// Returns all headers.
    pub const fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// Returns the text of a header, if there is one.
    ///
    /// # Panics
    /// The header was sent more than once, or is not text. [`headers`](Self::headers) returns such headers
    /// too.
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

    /// Reads the whole body.
    ///
    /// # Panics
    /// The body does not end within the timeout, or breaks off.
    #[track_caller]
    pub fn bytes(mut self) -> Wait<'static, Bytes> {
        Wait::new(self.timeout, |limit| async move { self.read(limit).await })
    }

    /// Reads the whole body as text.
    ///
    /// # Panics
    /// As [`bytes`](Self::bytes). Also when the body is not UTF-8.
    #[track_caller]
    pub fn text(mut self) -> Wait<'static, String> {
        Wait::new(self.timeout, |limit| async move {
            let bytes = self.read(limit).await;
            String::from_utf8(bytes.into()).unwrap_or_else(|error| {
                let got = String::from_utf8_lossy(error.as_bytes()).into_owned();
                limit.fail(&format!("the body of {} is not UTF-8", self.line), &[("got", &got)])
            })
        })
    }

    /// Reads the whole body and deserializes it from JSON.
    ///
    /// # Panics
    /// As [`bytes`](Self::bytes). Also when the body is not the JSON of a `T`: the message shows it.
    #[track_caller]
    pub fn json<T: DeserializeOwned + 'static>(mut self) -> Wait<'static, T> {
        Wait::new(self.timeout, |limit| async move {
            let bytes = self.read(limit).await;
            from_json(limit.caller(), &format!("the body of {}", self.line), &bytes)
        })
    }

    async fn read(&mut self, limit: Limit) -> Bytes {
        let mut body = BytesMut::new();
        loop {
            match limit.wait(poll_fn(|cx| self.client.poll_piece(cx))).await {
                // A wait on a body that is always ready never times out by itself.
                Some(Some(Ok(piece))) if !limit.is_over() => body.extend_from_slice(&piece),
                Some(None) => return body.freeze(),
                Some(Some(Err(reason))) => limit.fail(
                    &format!("the body of {} broke off", self.line),
                    &[("reason", &reason), ("got", &shown(&body))],
                ),
                Some(Some(Ok(_))) | None => limit.fail(
                    &format!("the body of {} did not end within {:?}", self.line, limit.timeout()),
                    &[
                        ("got", &shown(&body)),
                        ("hint", "an event stream is read with `.events()` instead of `.send()`"),
                    ],
                ),
            }
        }
    }

    pub(super) fn into_parts(self) -> (Parts, TestClient) {
        (self.head, self.client)
    }

    /// Reads the beginning of the body, as far as it arrives soon.
    pub(super) async fn preview(&mut self) -> String {
        let mut body = Vec::new();
        let _ = tokio::time::timeout(SHOWN_TIMEOUT, async {
            while let Some(Ok(piece)) = poll_fn(|cx| self.client.poll_piece(cx)).await {
                body.extend_from_slice(&piece);
                if body.len() > MAX_SHOWN {
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
    let more = if body.len() > MAX_SHOWN { "…" } else { "" };
    String::from_utf8_lossy(&body[..body.len().min(MAX_SHOWN)]).into_owned() + more
}

impl std::fmt::Debug for TestResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("TestResponse");
        debug.field("request", &self.line).field("status", &self.head.status).field("headers", &self.head.headers);
        debug.finish_non_exhaustive()
    }
}
