//! [`may_leave`], which responses leave hyper.

use axum_core::body::Body;
use axum_core::response::Response;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, DATE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, Method, StatusCode, Version};
use http_body::{Body as _, Frame};
use hyper::ext::ReasonPhrase;

use super::body::ServerBody;
use super::content_type::is_event_stream;
use crate::server::io::head::response_head;
use crate::server::state::call::Call;
use crate::server::state::connection_state::ConnectionState;
use crate::server::state::leftover::Leftover;

/// What its request says of whether a response can leave hyper.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct Request {
    /// Nobody but hyper can write its answer.
    hindrance: Option<&'static str>,
    /// Nothing that the client sends after it is read.
    closes: bool,
}

/// A response that has left hyper, and needs a socket.
pub(in crate::server) struct Leaving {
    pub(super) head: Bytes,
    pub(super) body: ServerBody<Body>,
    /// The connection closes when the response has ended.
    pub(super) closes: bool,
}

impl Request {
    pub(in crate::server) fn new<B>(request: &http::Request<B>, conn: &ConnectionState) -> Self {
        let hindrance = if request.version() != Version::HTTP_11 {
            Some("its request is not one of HTTP/1.1")
        } else if matches!(*request.method(), Method::HEAD | Method::CONNECT) {
            Some("its request has no ordinary answer")
        } else {
            None
        };
        Self { hindrance, closes: says_close(request.headers()) || conn.request.is_ambiguous() }
    }

    /// The connection closes after the answer, whose head is to say so.
    pub(in crate::server) const fn closes(&self) -> bool {
        self.closes
    }
}

/// A `Connection` header says that the connection closes.
fn says_close(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|option| option.trim().eq_ignore_ascii_case("close"))
}

/// The response is an event stream that can leave hyper: a [`Writer`](super::Writer) can write it.
pub(in crate::server) fn may_leave(
    response: &Response,
    request: Request,
    leftover: Option<&mut Box<Leftover>>,
    conn: &ConnectionState,
    path: &str,
) -> bool {
    if !is_event_stream(response.headers()) {
        return false;
    }
    let hindrance = request.hindrance.or_else(|| of_connection(conn)).or_else(|| of_response(response));
    let hindrance = hindrance.or_else(|| {
        // hyper holds the body's bytes, and the end of the connection is behind them.
        let unread = leftover.is_some_and(|leftover| !leftover.is_over()) || conn.is_unread();
        unread.then_some("its request's body was not read to its end")
    });
    let Some(why) = hindrance else { return true };
    // HTTP/2 streams never leave: that is no news.
    if !conn.speaks_http2() {
        tracing::debug!(target: "touka::server", path, why, "a stream does not leave hyper");
    }
    false
}

impl Leaving {
    /// Takes an event stream out of hyper. `first` is a frame that its body has given already.
    pub(in crate::server) fn new(
        response: Response,
        first: Option<Frame<Bytes>>,
        request: Request,
        call: Call,
        path: &str,
    ) -> Self {
        let said = says_close(response.headers());
        let closes = said || request.closes;
        let head = response_head(response.status(), response.headers(), closes && !said).freeze();
        let body = ServerBody::wrap(response, first, call, path, false).into_body();
        Self { head, body, closes }
    }
}

/// Why no response can leave hyper over this connection now.
pub(in crate::server) fn of_connection(conn: &ConnectionState) -> Option<&'static str> {
    if conn.overloaded {
        Some("the server has too many connections")
    } else if conn.is_unflushed() {
        // hyper still holds something of an earlier answer, which would be lost with it.
        Some("the client has yet to take an earlier answer")
    } else if conn.shared.handle.is_shutting_down() {
        Some("the server shuts down")
    } else {
        None
    }
}

/// hyper would draw a conclusion from something in its head.
fn of_response(response: &Response) -> Option<&'static str> {
    let headers = response.headers();
    let status = response.status();
    let is_ordinary = status.canonical_reason().is_some()
        && !status.is_informational()
        && !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let connection_is_plain = || {
        let mut values = headers.get_all(CONNECTION).iter();
        values.all(|value| value.as_bytes().eq_ignore_ascii_case(b"close"))
    };
    let is_plain = response.version() == Version::HTTP_11 && !has_special(headers) && connection_is_plain();
    if response.extensions().get::<ReasonPhrase>().is_some() {
        Some("its status has words of its own")
    } else if response.body().size_hint().exact().is_some() {
        // It is written with its length, and ends at once.
        Some("its length is known")
    } else if !is_ordinary {
        Some("its status is not that of a stream")
    } else if !is_plain {
        Some("its head says more than that of a stream")
    } else {
        None
    }
}

/// hyper would draw a conclusion from one of these headers, beside `Connection`.
pub(in crate::server) fn has_special(headers: &HeaderMap) -> bool {
    [CONTENT_LENGTH, DATE, TRAILER, TRANSFER_ENCODING, UPGRADE].iter().any(|name| headers.contains_key(name))
}
