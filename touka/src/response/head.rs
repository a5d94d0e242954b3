//! The status line and headers of a stream.

use axum_core::body::Body;
use axum_core::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};

use super::body::Frames;
use super::stream_extension::StreamExtension;
use super::subscribed::SubscribedBody;
use crate::event::IntoEvent;
use crate::stream::EventStream;

/// The header that tells nginx not to buffer the response.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Status 200, the three headers of a stream, and the events.
///
/// To add or replace a header, return a tuple, as everywhere in axum-core:
/// `([("x-trace", "7")], stream)`. A header in the tuple replaces the stream's own; none is sent twice.
impl<T: IntoEvent + Send + 'static> IntoResponse for EventStream<T> {
    fn into_response(mut self) -> Response {
        let head = self.take_head().map_or_else(stream_head, |head| *head);
        if !is_of_a_stream(&head) {
            // The parts that the handler has added could not be: this response says so.
            return head;
        }
        let link = self.lifecycle().link().clone();
        let (write_timeout, whole_blocks) = (self.options().write_timeout, self.options().whole_blocks);
        let subscribed = self.is_subscribed();
        let frames = Frames::new(self);
        let (body, ticket) = if subscribed {
            let (body, ticket) = SubscribedBody::new(frames);
            (Body::new(body), Some(ticket))
        } else {
            (Body::new(frames), None)
        };
        let mut response = head.map(|_| body);
        response.extensions_mut().remove::<StreamHead>();
        response.extensions_mut().insert(StreamExtension { link, write_timeout, whole_blocks, ticket });
        response
    }
}

impl<T> EventStream<T> {
    /// Adds headers and extensions to the head of the response: everything that may stand before a stream in a tuple
    /// that is a response. The option `head` of `#[sse_handler]` calls this method.
    ///
    /// A header replaces the stream's own of the same name; [`AppendHeaders`](crate::response::AppendHeaders) adds one
    /// more value. Parts that cannot be a head, such as a header with a line break, make the response that they make in
    /// a tuple, a 500 as a rule, and the stream does not begin.
    ///
    /// The head belongs to the response of the stream. An `Err` of a handler that fails before its stream opens makes a
    /// response of its own, without these parts. A reader of the stream in this process does not see them.
    ///
    /// On the wire: `x-trace: 7` among the headers of the response.
    ///
    /// ```
    /// use touka::{EventStream, sse_handler};
    ///
    /// #[sse_handler(head = [("x-trace", trace.clone())])]
    /// async fn traced(trace: String) {
    ///     emit!(trace);
    /// }
    ///
    /// // The same, by hand.
    /// async fn by_hand(trace: String) -> EventStream {
    ///     let head = [("x-trace", trace.clone())];
    ///     EventStream::generate(|out| async move {
    ///         out.emit(trace).await;
    ///     })
    ///     .head(head)
    /// }
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// # for stream in [traced("7".into()).await, by_hand("7".into()).await] {
    /// #     let response = stream.into_response();
    /// #     assert_eq!(response.headers()["x-trace"], "7");
    /// # }
    /// # });
    /// ```
    #[must_use]
    pub fn head(mut self, parts: impl IntoResponseParts) -> Self {
        let head = self.take_head().map_or_else(stream_head, |head| *head);
        self.set_head(if is_of_a_stream(&head) { (parts, head).into_response() } else { head });
        self
    }
}

impl EventStream {
    /// The stream as a response: axum's `IntoResponse`, without the import and with an event type that is known.
    ///
    /// Where the body emits text or [`Event`](crate::Event)s and the place of the stream asks for no type, this call
    /// makes it a stream of `Event`s.
    ///
    /// ```
    /// use axum::response::Response;
    /// use touka::EventStream;
    ///
    /// async fn greet() -> Response {
    ///     EventStream::generate(|out| async move {
    ///         out.emit("hello").await;
    ///     })
    ///     .into_response()
    /// }
    /// ```
    pub fn into_response(self) -> Response {
        IntoResponse::into_response(self)
    }
}

/// A marker of the head of a stream. A head without it is the response of parts that could not be added.
#[derive(Clone, Copy, Debug)]
struct StreamHead;

fn is_of_a_stream(head: &Response) -> bool {
    head.extensions().get::<StreamHead>().is_some()
}

/// Parts that are made into a stream's head already, and own what they need.
#[derive(Debug)]
pub struct Head(Response);

impl Head {
    pub(crate) fn of(parts: impl IntoResponseParts) -> Self {
        Self((parts, stream_head()).into_response())
    }
}

/// Replaces the headers that the response has, which must be those of a stream.
impl IntoResponseParts for Head {
    type Error = Response;

    fn into_response_parts(self, mut response: ResponseParts) -> Result<ResponseParts, Response> {
        if !is_of_a_stream(&self.0) {
            return Err(self.0);
        }
        let (head, _) = self.0.into_parts();
        *response.headers_mut() = head.headers;
        response.extensions_mut().extend(head.extensions);
        Ok(response)
    }
}

/// Creates the head of a stream, with no body yet.
fn stream_head() -> Response {
    let mut response = Response::default();
    response.extensions_mut().insert(StreamHead);
    let headers = response.headers_mut();
    // Without a charset, which has no effect on clients: some proxies compare the whole value.
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // `no-transform` keeps proxies and development servers from compressing, which buffers.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}
