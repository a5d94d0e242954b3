//! [`may_leave`], the decision which responses leave hyper.

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

/// The part of a request that decides whether its response can leave hyper.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct Request {
    /// Why only hyper can write the response, if that is so.
    hindrance: Option<&'static str>,
    /// Whether the connection closes after the response: nothing is read after this request.
    closes: bool,
}

/// A response that has left hyper, and needs a socket.
pub(in crate::server) struct Leaving {
    pub(super) head: Bytes,
    pub(super) body: ServerBody<Body>,
    /// Whether the connection closes when the response has ended.
    pub(super) closes: bool,
}

impl Request {
    pub(in crate::server) fn new<B>(request: &http::Request<B>, conn: &ConnectionState) -> Self {
        let hindrance = if request.version() != Version::HTTP_11 {
            Some("its request is not HTTP/1.1")
        } else if matches!(*request.method(), Method::HEAD | Method::CONNECT) {
            Some("its request is HEAD or CONNECT")
        } else {
            None
        };
        Self { hindrance, closes: says_close(request.headers()) || conn.request.is_ambiguous() }
    }

    /// Whether the connection closes after the response, which its head must announce.
    pub(in crate::server) const fn closes(&self) -> bool {
        self.closes
    }
}

/// Whether a `Connection` header has the option `close`.
fn says_close(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|option| option.trim().eq_ignore_ascii_case("close"))
}

/// Whether the response is an event stream that can leave hyper, for a [`Writer`](super::Writer) to write.
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
        // hyper holds the body's bytes, and reads the end of the connection only after them.
        let unread = leftover.is_some_and(|leftover| !leftover.is_over()) || conn.is_unread();
        unread.then_some("its request's body was not read to its end")
    });
    let Some(why) = hindrance else { return true };
    // Not logged for HTTP/2, whose streams never leave.
    if !conn.speaks_http2() {
        tracing::debug!(target: "touka::server", path, why, "a stream does not leave hyper");
    }
    false
}

impl Leaving {
    /// Takes an event stream out of hyper. `first` is a frame that its body has returned already.
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

/// Why no response can leave hyper on this connection now; `None` if one can.
pub(in crate::server) fn of_connection(conn: &ConnectionState) -> Option<&'static str> {
    if conn.overloaded {
        Some("the server has too many connections")
    } else if conn.is_unflushed() {
        // hyper still holds a part of an earlier response, which would be lost with it.
        Some("an earlier response is not written yet")
    } else if conn.shared.handle.is_shutting_down() {
        Some("the server is shutting down")
    } else {
        None
    }
}

/// Why this response cannot leave hyper: hyper would treat it differently from a plain stream. `None` if it can.
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
        Some("its status has a reason phrase of its own")
    } else if response.body().size_hint().exact().is_some() {
        // hyper writes it with its length, and it ends at once.
        Some("its length is known")
    } else if !is_ordinary {
        Some("its status is not a standard one, or allows no body")
    } else if !is_plain {
        Some("its version or one of its headers needs hyper")
    } else {
        None
    }
}

/// Whether the response has a header, other than `Connection`, that hyper would act on.
pub(in crate::server) fn has_special(headers: &HeaderMap) -> bool {
    [CONTENT_LENGTH, DATE, TRAILER, TRANSFER_ENCODING, UPGRADE].iter().any(|name| headers.contains_key(name))
}
