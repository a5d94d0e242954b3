//! One request and its response.

use std::any::TypeId;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use axum_core::BoxError;
use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, ORIGIN, TRANSFER_ENCODING};
use http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, Version};
use hyper::body::Incoming;
use hyper::service::{HttpService, service_fn};
use tower_service::Service;

use super::exit::{Exit, Offered};
use super::host::is_host;
use super::overload::{overload, too_many_bodies};
use super::pieces::Pieces;
use super::request_body::RequestBody;
use crate::extract::Peer;
use crate::response::{FAILED, answer, forbids_body, refusal, without_body};
use crate::server::address::client_header::Malformed;
use crate::server::meter::RequestTimer;
use crate::server::open_streams::bounded;
use crate::server::park::{may_park, offer};
use crate::server::state::call::Call;
use crate::server::state::connection_state::ConnectionState;
use crate::server::state::leftover::{Handled, Leftover};
use crate::server::state::request_end::Framing;
use crate::server::state::sent::Sent;
use crate::server::stream::body::ServerBody;
use crate::server::stream::content_type::is_event_stream;
use crate::server::stream::{self, Leaving, may_leave};
use crate::stream::drop_guarded;

/// A service that can serve the requests of a connection.
pub(crate) trait Serve:
    Service<axum_core::extract::Request, Response = http::Response<Self::Body>, Error: Into<BoxError>, Future: Send>
    + Clone
    + Send
    + 'static
{
    type Body: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static;
}

impl<V, B> Serve for V
where
    V: Service<axum_core::extract::Request, Response = http::Response<B>, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + 'static,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Body = B;
}

/// Wraps the user's service for hyper: applies the server's limits, and makes responses that a shutdown can end.
///
/// The future is boxed for the duration of the call: hyper keeps the memory of a service's future for the life of
/// the connection.
pub(in crate::server) fn hyper_service<V: Serve>(
    service: V,
    conn: Arc<ConnectionState>,
    exit: Arc<Exit>,
) -> impl HttpService<Incoming, ResBody = Pieces<ServerBody<Body>>, Error = Infallible, Future: Send + 'static> {
    service_fn(move |request: http::Request<Incoming>| {
        conn.request.set_framing(Framing::of(request.body()));
        // Begun here, not when the future is first polled: hyper's writes count from here on.
        let mut call = Call::begin(&conn);
        let service = service.clone();
        let exit = Arc::clone(&exit);
        Box::pin(async move {
            // Bounded, since the span and the list of streams keep it.
            let path = bounded(request.uri().path()).into_owned();
            let connect = request.method() == Method::CONNECT;
            let head = request.method() == Method::HEAD;
            let said = stream::Request::new(&request, &call.conn);
            let parks = may_park(&request, said.closes(), &call.conn);
            let timer = RequestTimer::new(request.method());
            let http2 = request.version() == Version::HTTP_2;
            let (request, mut leftover) = Leftover::of(request, &call.conn);
            let mut response = {
                let mut asking = pin!(ask(service, request, &mut call));
                let answer = poll_fn(|cx| {
                    if let Some(leftover) = &mut leftover {
                        leftover.poll_drain(cx);
                    }
                    asking.as_mut().poll(cx)
                });
                answer.await
            };
            if http2 {
                response = fit_http2(response, head);
            }
            timer.record(&response);
            if let Some(leftover) = leftover.as_mut().filter(|_| !is_event_stream(response.headers())) {
                leftover.finish().await;
            }
            if !http2 && is_last(&call.conn, leftover.as_mut(), &response, connect) {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            let offer = if parks { offer(&mut response, &mut call, TypeId::of::<V>(), &path) } else { Err(None) };
            let first = match offer {
                Ok(offer) => return exit.leave(Offered::Parked(offer)).await,
                Err(first) => first,
            };
            if may_leave(&response, said, leftover.as_mut(), &call.conn, &path) {
                let leaving = Leaving::new(response, first, said, call, &path);
                return exit.leave(Offered::Stream(Box::new(leaving))).await;
            }
            let sent = http2.then(|| Sent::new(&call.conn));
            let response = ServerBody::wrap(response, first, call, &path, connect);
            Ok::<_, Infallible>(response.map(|body| Pieces::new(body, sent, leftover)))
        })
    })
}

/// Turns a response into one that HTTP/2 allows. hyper checks this for HTTP/1.1 only, and a client that gets another one
/// closes the stream, or the connection with all its streams.
fn fit_http2(mut response: Response, head: bool) -> Response {
    let status = response.status();
    if status.is_informational() {
        tracing::error!(target: "touka::server", %status, "HTTP/2 has no final response with this status");
        drop_guarded(response);
        response = refusal(StatusCode::INTERNAL_SERVER_ERROR, FAILED);
    }
    if head || forbids_body(response.status()) { without_body(response) } else { response }
}

/// Inserts the client's address into the extensions, for extractors.
fn insert_peer(extensions: &mut Extensions, peer: Option<SocketAddr>) {
    extensions.insert(Peer(peer));
    #[cfg(feature = "axum")]
    if let Some(peer) = peer {
        extensions.insert(axum::extract::ConnectInfo(peer));
    }
}

/// Returns whether the connection closes after this response, which the head must then announce.
fn is_last(conn: &ConnectionState, leftover: Option<&mut Box<Leftover>>, response: &Response, connect: bool) -> bool {
    let upgrades = response.status() == StatusCode::SWITCHING_PROTOCOLS || connect && response.status().is_success();
    let ends = conn.shared.handle.is_shutting_down() || leftover.is_some_and(|leftover| leftover.closes());
    ends && !upgrades
}

/// Returns the service's response, or a refusal if the request must not reach the service.
async fn ask<V: Serve>(service: V, mut request: http::Request<Handled>, call: &mut Call) -> Response {
    let limits = call.conn.shared.limits;
    if let Some(fault) = host_fault(&request).or_else(|| length_fault(request.headers())) {
        // The bytes after such a request may belong to another client.
        return ([(CONNECTION, "close")], refusal(StatusCode::BAD_REQUEST, fault)).into_response();
    }
    if head_size(&request) > limits.head_bytes {
        let line = format!("the request's head is larger than {} bytes", limits.head_bytes);
        let refusal = refusal(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, &line);
        return ([(CONNECTION, "close")], refusal).into_response();
    }
    if call.conn.overloaded {
        return overload(request.headers(), "the server has too many connections: try again later");
    }
    if let Err((header, Malformed)) = call.resolve_peer(request.headers()) {
        tracing::debug!(target: "touka::server", proxy = call.peer.map(tracing::field::display), %header, "a trusted proxy sent no valid client address");
        return refusal(StatusCode::BAD_REQUEST, &format!("the request's {header} header has no valid address"));
    }
    if !call.admit() {
        tracing::debug!(target: "touka::server", peer = call.peer.map(tracing::field::display), "a request was rejected: too many are in progress");
        return overload(request.headers(), "the server has too many requests in progress: try again later");
    }
    insert_peer(request.extensions_mut(), call.peer);
    if announced(&request) > limits.body_bytes as u64 {
        let line = format!("the request's body is larger than {} bytes", limits.body_bytes);
        return refusal(StatusCode::PAYLOAD_TOO_LARGE, &line);
    }
    if http_body::Body::is_end_stream(request.body()) {
        return answer(service, request.map(|_| Body::empty())).await;
    }
    let origin = request.headers().get(ORIGIN).cloned();
    let (head, body) = request.into_parts();
    let Some((body, refused)) = RequestBody::new(body, call) else { return too_many_bodies(origin) };
    let response = answer(service, http::Request::from_parts(head, Body::new(body))).await;
    // A handler that could not read the body blames the client for it, though the server has refused it.
    let blamed = response.status().is_client_error() || response.status().is_server_error();
    if refused.is_set() && blamed { too_many_bodies(origin) } else { response }
}

/// The size of the head, without white space. hyper checks its limit only when a read ends within the head, so
/// one read can bring twice as much.
fn head_size<B>(request: &http::Request<B>) -> usize {
    let path = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum::<usize>() + path
}

/// The announced length of the body; 0 without one. hyper has checked that it is a single number.
fn announced<B>(request: &http::Request<B>) -> u64 {
    let length = request.headers().get(CONTENT_LENGTH);
    length.and_then(|length| length.to_str().ok()?.trim().parse().ok()).unwrap_or(0)
}

/// Returns what is wrong with the transfer codings. hyper reads any body whose last coding is `chunked`, but a
/// proxy may see a different end. With a length as well, hyper uses the chunks and closes afterwards.
fn length_fault(headers: &HeaderMap) -> Option<&'static str> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let coding = codings.next()?;
    if codings.next().is_some() || !coding.as_bytes().eq_ignore_ascii_case(b"chunked") {
        Some("the only supported Transfer-Encoding is a single `chunked`")
    } else {
        None
    }
}

/// Returns what is wrong with the host. Without this check, two proxies could disagree about a request's host.
fn host_fault<B>(request: &http::Request<B>) -> Option<&'static str> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (host, more) = (hosts.next(), hosts.next().is_some());
    // RFC 9112, 3.2: the header equals the target's authority, without its userinfo.
    let authority =
        request.uri().authority().map(|authority| authority.as_str().rsplit('@').next().unwrap_or_default());
    let differ = host.zip(authority).is_some_and(|(host, authority)| {
        // A proxy in front of this server may use one of them, and a service behind it the other.
        !host.as_bytes().eq_ignore_ascii_case(authority.as_bytes())
    });
    match (request.version(), host, authority) {
        _ if more => Some("the request has more than one Host header"),
        (_, Some(host), _) if !is_host(host.as_bytes()) => Some("the request's Host header is not a valid host"),
        (Version::HTTP_11, None, _) => Some("the request has no Host header"),
        (Version::HTTP_2, None, None) => Some("the request has no :authority"),
        (Version::HTTP_2, ..) if differ => Some("the request's Host header differs from its :authority"),
        _ if differ => Some("the request's Host header differs from the authority of its target"),
        _ => None,
    }
}
