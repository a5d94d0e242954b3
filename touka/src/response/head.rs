//! The status line and headers of a stream.

use std::time::Duration;

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue};

use super::body::Frames;
use super::subscribed::SubscribedBody;
use crate::event::IntoEvent;
use crate::stream::EventStream;

/// The stream's write timeout, for the server: the longest time for which its client may take no bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WriteTimeout(pub(crate) Duration);

/// A marker for [`EventStream::whole_blocks`]: comments and `retry` lines each end with a blank line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WholeBlocks;

/// The header that tells nginx not to buffer the response.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Status 200, the three headers of a stream, and the events.
///
/// To add or replace a header, return a tuple, as everywhere in axum-core:
/// `([("x-trace", "7")], stream)`. A header in the tuple replaces the stream's own; none is sent twice.
impl<T: IntoEvent + Send + 'static> IntoResponse for EventStream<T> {
    fn into_response(self) -> Response {
        // For the server, which records in it when the client is blocked, and why it ended the stream.
        let link = self.lifecycle().link().clone();
        let limit = self.options().write_timeout.map(WriteTimeout);
        let whole_blocks = self.options().whole_blocks;
        let subscribed = self.is_subscribed();
        let frames = Frames::new(self);
        let mut response = if subscribed {
            let (body, ticket) = SubscribedBody::new(frames);
            let mut response = Response::new(Body::new(body));
            response.extensions_mut().insert(ticket);
            response
        } else {
            Response::new(Body::new(frames))
        };
        stream_headers(response.headers_mut());
        response.extensions_mut().insert(link);
        if let Some(limit) = limit {
            response.extensions_mut().insert(limit);
        }
        if whole_blocks {
            response.extensions_mut().insert(WholeBlocks);
        }
        response
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

fn stream_headers(headers: &mut HeaderMap) {
    // Without a charset, which has no effect on clients: some proxies compare the whole value.
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // `no-transform` keeps proxies and development servers from compressing, which buffers.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
}
