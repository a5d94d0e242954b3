//! The status line and headers of a stream.

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue};

use super::body::Frames;
use crate::event::IntoEvent;
use crate::stream::EventStream;

/// nginx buffers a response unless it says this.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Status 200, the three headers of a stream, and the events.
///
/// To add or replace a header, answer with a tuple as everywhere in axum-core:
/// `([("x-trace", "7")], stream)`. A header given there replaces the one here; none is sent twice.
impl<T: IntoEvent + Send + 'static> IntoResponse for EventStream<T> {
    fn into_response(self) -> Response {
        let closer = self.lifecycle().closer();
        let mut response = Response::new(Body::new(Frames::new(self)));
        stream_headers(response.headers_mut());
        // For the server: whoever cuts the stream short says why.
        response.extensions_mut().insert(closer);
        response
    }
}

fn stream_headers(headers: &mut HeaderMap) {
    // No charset: it has no effect on clients, and some proxies compare the whole value.
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // `no-transform` keeps proxies and development servers from compressing, which buffers.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
}
