//! [`Offer`], a response that is parked instead of being written by hyper.

use std::any::TypeId;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum_core::body::Body;
use axum_core::response::Response;
use bytes::Bytes;
use http::header::CONNECTION;
use http::{Method, Request, StatusCode, Version};
use http_body::{Body as _, Frame};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tracing::Span;

use super::client::Client;
use super::endings::Endings;
use super::output::Output;
use crate::response::{Parts, StreamExtension};
use crate::server::config::Park;
use crate::server::io::chunk;
use crate::server::io::head::response_head;
use crate::server::open_streams::{OpenStream, StreamEntry};
use crate::server::state::again::{Again, Bare, Guard};
use crate::server::state::call::Call;
use crate::server::state::connection_state::ConnectionState;
use crate::server::stream;
use crate::server::stream::life::Life;
use crate::server::stream::span::stream_span;
use crate::stream::Silence;

/// A parked connection without its socket.
#[derive(Debug)]
pub(in crate::server) struct Offer {
    first: Bytes,
    parts: Parts,
    body: Body,
    entry: StreamEntry,
    span: Span,
    write_time: Duration,
    life: Life,
    guard: Guard,
}

/// Whether the response to this request could be parked: the request is a GET of HTTP/1.1 without a body, and
/// does not ask to close the connection, which the response's head would have to confirm.
pub(in crate::server) fn may_park<B: http_body::Body>(
    request: &Request<B>,
    closes: bool,
    conn: &ConnectionState,
) -> bool {
    conn.shared.park != Park::Never
        && conn.is_bare()
        && !conn.overloaded
        && request.version() == Version::HTTP_11
        && request.method() == Method::GET
        && !closes
        && request.body().is_end_stream()
}

/// Turns the response into an offer, if it can be parked, and leaves an empty response in its place. Otherwise
/// returns its first frame, if that was polled already.
pub(in crate::server) fn offer(
    response: &mut Response,
    call: &mut Call,
    service: TypeId,
    path: &str,
) -> Result<Box<Offer>, Option<Frame<Bytes>>> {
    let ticket = StreamExtension::take_ticket(response.extensions_mut()).ok_or(None)?;
    let conn = &call.conn;
    let vouched = conn.shared.park == Park::Always || ticket.is_vouched_by(service);
    let hindrance = if !vouched {
        "its service does not guarantee that layers leave the body unchanged"
    } else if !is_plain(response) {
        "its status is not 200, or one of its headers needs hyper"
    } else {
        stream::of_connection(conn).unwrap_or_default()
    };
    if !hindrance.is_empty() {
        tracing::debug!(target: "touka::server", path, why = hindrance, "a subscription is not parked");
        return Err(None);
    }
    let link = StreamExtension::link_of(response.extensions()).cloned().unwrap_or_default();
    let span = stream_span(&link, path, call.peer);
    // A no-op waker: if no frame is ready, hyper polls the body again.
    let mut cx = Context::from_waker(Waker::noop());
    let polled = span.in_scope(|| Pin::new(response.body_mut()).poll_frame(&mut cx));
    let frame = match polled {
        Poll::Ready(Some(Ok(frame))) => frame,
        // A body that has ended or failed does so again when hyper polls it.
        Poll::Ready(Some(Err(_)) | None) | Poll::Pending => return Err(None),
    };
    let Some((data, parts)) = frame.data_ref().and_then(|data| Some((data, ticket.take(data)?))) else {
        tracing::debug!(target: "touka::server", path, why = "a layer has changed its first bytes", "a subscription is not parked");
        return Err(Some(frame));
    };
    let (head, body) = mem::take(response).into_parts();
    let mut first = response_head(StatusCode::OK, &head.headers, false);
    chunk::put(data, &mut first);
    Ok(Box::new(Offer::new(first.freeze(), parts, body, span, call, path)))
}

/// Whether the head is one that hyper would not treat specially: status 200, and no header that hyper acts on.
fn is_plain(response: &Response) -> bool {
    let headers = response.headers();
    response.status() == StatusCode::OK && !headers.contains_key(CONNECTION) && !stream::has_special(headers)
}

impl Offer {
    fn new(first: Bytes, parts: Parts, body: Body, span: Span, call: &mut Call, path: &str) -> Self {
        let permit = call.take_permit();
        let conn = &call.conn;
        let shared = &conn.shared;
        let link = parts.lifecycle.link();
        let mut entry = shared.handle.streams.add(OpenStream::parked(path, call.peer, link.clone()));
        entry.hold(permit);
        let write_time = parts.options.write_timeout.unwrap_or(shared.limits.write_time);
        let mut life = Life::default().bounded(shared.limits.lifetime);
        life.expire(parts.options.lifetime().and_then(|longest| Instant::now().checked_add(longest)));
        Self { first, parts, body, entry, span, write_time, life, guard: conn.take_guard() }
    }

    /// Adds the socket, the bytes that the client has sent since its request, and how the connection is served
    /// again.
    pub(super) fn into_client(self, socket: TcpStream, sent: Bytes, again: Box<dyn Again<Bare>>) -> Client {
        let Parts { mut subscription, test, mut credential, lifecycle, options } = self.parts;
        // The shard is woken for all its connections together.
        subscription.unregister_waker();
        let mut life = self.life;
        life.expire(credential.as_mut().and_then(|credential| credential.hand_over()));
        Client {
            socket,
            output: Output::new(self.first),
            sent: sent.into(),
            subscription,
            lifecycle,
            endings: Endings::new(options.ending(), credential, test),
            silence: Silence::new(options.keep_alive),
            whole_blocks: options.whole_blocks,
            write_time: self.write_time,
            life,
            entry: self.entry,
            again,
            guard: self.guard,
            body: self.body,
            span: self.span,
        }
    }
}
