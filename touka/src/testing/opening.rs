//! Opens an event stream, and opens it again.

use std::borrow::Cow;

use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::events::Events;
use super::outgoing::Outgoing;
use super::response::TestResponse;
use super::wait::{Limit, Wait};

impl Events {
    /// Sends the request and checks that the response is an event stream.
    pub(super) async fn open(request: Outgoing, limit: Limit) -> Self {
        let (head, client) = request.send(limit).await;
        Self::from_response(TestResponse::new(&request, head, client), request, limit, "").await
    }

    /// Closes the connection, if it is still open, and sends the same request again at once, with the last event id.
    /// `None` if the server answers 204, which tells a client that the stream has ended for good.
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
    /// assert_eq!(events.next_json::<u64>().await, 1);
    /// let mut events = events.reconnect().await.expect("more");
    /// assert_eq!(events.next_json::<u64>().await, 2);
    /// # });
    /// ```
    #[track_caller]
    pub fn reconnect(mut self) -> Wait<'static, Option<Self>> {
        let last_id = self.last_event_id();
        let mut request = self.into_request();
        Wait::new(request.timeout, |limit| async move {
            request.set_last_id(&last_id, limit);
            let (head, client) = request.send(limit).await;
            if head.status == StatusCode::NO_CONTENT {
                return None;
            }
            let response = TestResponse::new(&request, head, client);
            Some(Self::from_response(response, request, limit, &last_id).await)
        })
    }

    async fn from_response(mut response: TestResponse, request: Outgoing, limit: Limit, last_id: &str) -> Self {
        let content_type = response.headers().get(CONTENT_TYPE);
        let content_type = content_type.map(|value| String::from_utf8_lossy(value.as_bytes()));
        let essence = content_type.as_deref().and_then(|value| value.split(';').next()).unwrap_or_default();
        if response.status() == StatusCode::OK && essence.trim().eq_ignore_ascii_case("text/event-stream") {
            let (head, client) = response.into_parts();
            return Self::new(request, head, client, last_id);
        }
        let content_type = content_type.map_or("without a content type".to_owned(), Cow::into_owned);
        let got = format!("{} {content_type}", response.status());
        let body = response.preview().await;
        limit.fail(
            &format!("{} did not open an event stream", request.line()),
            &[("expected", "200 OK text/event-stream"), ("got", &got), ("body", &body)],
        )
    }
}
