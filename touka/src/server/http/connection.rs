//! One connection, from its first byte to its last.

#[cfg(feature = "testing")]
use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use axum_core::BoxError;
use bytes::Bytes;

use super::bad_request::{self, unreadable};
use super::exchange::{Serve, hyper_service};
use super::exit::{Exit, Offered};
#[cfg(feature = "http2")]
use super::grace;
use super::http1;
#[cfg(feature = "http2")]
use super::http2;
use crate::error::CloseReason;
use crate::server::io::maybe_tls::{MaybeTls, Protocol};
#[cfg(feature = "http2")]
use crate::server::io::sniff::speaks_http2;
use crate::server::io::socket::Socket;
use crate::server::io::stall::{Io, Stall};
use crate::server::io::transport::Transport;
use crate::server::park::Lot;
#[cfg(feature = "http2")]
use crate::server::race::First;
use crate::server::race::race;
#[cfg(feature = "testing")]
use crate::server::shared::Shared;
use crate::server::state::again::{Again, Bare};
use crate::server::state::connection_state::ConnectionState;
use crate::server::stream::Writer;

/// Serves one connection until its client leaves, or until the shutdown has ended its streams. The future observes
/// the shutdown's deadline itself, so that it ends in time even if no task waits for it any more.
///
/// `sent` holds the bytes that the client has sent already.
pub(in crate::server) async fn serve<I: Io, V: Serve>(
    wire: MaybeTls<I>,
    sent: Bytes,
    service: V,
    conn: Arc<ConnectionState>,
    lot: Arc<Lot>,
) {
    let deadline = async {
        conn.shared.deadline().await;
        // Before the streams are dropped: one that is dropped without a reason counts as left by its client.
        conn.close(CloseReason::Shutdown);
    };
    race(serve_to_the_end(wire, sent, service, &conn, &lot), deadline).await;
}

async fn serve_to_the_end<I: Io, V: Serve>(
    wire: MaybeTls<I>,
    sent: Bytes,
    service: V,
    conn: &Arc<ConnectionState>,
    lot: &Arc<Lot>,
) {
    conn.set_bare(wire.is_bare());
    let protocol = wire.protocol();
    let (mut transport, returned) = Transport::new(wire, Arc::clone(conn));
    transport.unread(&sent);
    let exit = Arc::<Exit>::default();
    let finished = drive(transport, protocol, service.clone(), conn, &exit).await;
    let returned = returned.lock().take();
    let (io, sent) = returned.map_or((None, Bytes::new()), |(io, sent)| (Some(io), sent));
    if let Some(offered) = exit.take() {
        // Without a socket, the client has left, and the response is dropped.
        if let Some(io) = io {
            leave(offered, io, sent, NextRequest::new(service, conn, lot), conn);
        }
        return;
    }
    let Err(failure) = finished else {
        if let Some(io) = io.filter(|_| conn.is_unread()) {
            Box::pin(bad_request::linger(io)).await;
        }
        return;
    };
    let (fresh, late) = (conn.calls() == 0 && !conn.speaks_http2(), conn.has_head_timed_out());
    let answer = if late { Some(bad_request::late()) } else { unreadable(&failure) };
    // hyper itself has answered a malformed request that was not the first. For a head that was too slow it has
    // written nothing; a response is possible unless an earlier one is still being written.
    let unanswered = fresh || late && !conn.is_unflushed();
    match (io, answer) {
        // Boxed, like every future that most connections never reach.
        (Some(io), Some(answer)) if unanswered => Box::pin(bad_request::explain(io, answer)).await,
        // A client that leaves in the middle of a stream is not an error: streams end this way.
        _ => tracing::debug!(target: "touka::server", error = failure, "connection closed"),
    }
}

#[cfg(not(feature = "http2"))]
async fn drive<I: Io, V: Serve>(
    transport: Transport<MaybeTls<I>>,
    _: Protocol,
    service: V,
    conn: &Arc<ConnectionState>,
    exit: &Arc<Exit>,
) -> Result<(), BoxError> {
    http1::drive(transport, hyper_service(service, Arc::clone(conn), Arc::clone(exit)), conn, exit)
        .await
        .map_err(Into::into)
}

#[cfg(feature = "http2")]
async fn drive<I: Io, V: Serve>(
    mut transport: Transport<MaybeTls<I>>,
    protocol: Protocol,
    service: V,
    conn: &Arc<ConnectionState>,
    exit: &Arc<Exit>,
) -> Result<(), BoxError> {
    let hyper_service = hyper_service(service, Arc::clone(conn), Arc::clone(exit));
    let is_http2 = match protocol {
        // A connection that has returned to hyper after a stream speaks HTTP/1.1.
        Protocol::Unknown if conn.has_returned() || conn.calls() > 0 => false,
        Protocol::Unknown => {
            let sniffed = race(speaks_http2(&mut transport), grace::over(conn)).await;
            // No request has arrived, so there is nothing to finish.
            let First::Left(sniffed) = sniffed else { return Ok(()) };
            let (is_http2, read) = sniffed?;
            transport.unread(&read);
            is_http2
        }
        Protocol::Http1 => false,
        Protocol::Http2 => true,
    };
    if is_http2 {
        conn.set_http2();
        // Boxed, so that HTTP/1.1 connections do not pay for the size of the HTTP/2 future.
        return Box::pin(http2::drive(transport, hyper_service, conn)).await.map_err(Into::into);
    }
    http1::drive(transport, hyper_service, conn, exit).await.map_err(Into::into)
}

/// Hands a response that has left hyper to a shard or to a task of its own.
fn leave<I: Io, V: Serve>(
    offered: Offered,
    io: MaybeTls<I>,
    sent: Bytes,
    next: NextRequest<V>,
    conn: &Arc<ConnectionState>,
) {
    match offered {
        Offered::Parked(offer) => {
            if let Some(socket) = io.into_tcp() {
                let lot = Arc::clone(&next.lot);
                lot.park(*offer, socket, sent, Box::new(next), &conn.shared);
            }
        }
        Offered::Stream(leaving) => {
            tokio::spawn(Writer::new(*leaving, io, sent, Arc::clone(conn), Box::new(next)));
        }
    }
}

/// Serves a connection's next requests after a stream that was written outside of hyper.
struct NextRequest<V> {
    service: V,
    /// The connection's peer. Each request may name another client.
    peer: Option<SocketAddr>,
    /// The value of [`ConnectionState::is_unnamed`].
    unnamed: bool,
    lot: Arc<Lot>,
}

impl<V> NextRequest<V> {
    fn new(service: V, conn: &ConnectionState, lot: &Arc<Lot>) -> Self {
        Self { service, peer: conn.peer, unnamed: conn.is_unnamed(), lot: Arc::clone(lot) }
    }
}

impl<V: Serve> Again<Bare> for NextRequest<V> {
    fn again(self: Box<Self>, connection: Bare, sent: Bytes) {
        let Self { service, peer, unnamed, lot } = *self;
        let Bare { socket, guard, shared } = connection;
        let conn = ConnectionState::returned(shared, peer, guard);
        conn.set_unnamed(unnamed);
        let wire = MaybeTls::Plain(Stall::new(Socket::Tcp(socket), &conn));
        tokio::spawn(serve(wire, sent, service, conn, lot));
    }
}

impl<I: Io, V: Serve> Again<(MaybeTls<I>, Arc<ConnectionState>)> for NextRequest<V> {
    fn again(self: Box<Self>, (wire, conn): (MaybeTls<I>, Arc<ConnectionState>), sent: Bytes) {
        tokio::spawn(serve(wire, sent, self.service, conn, self.lot));
    }
}

impl<V> fmt::Debug for NextRequest<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NextRequest").finish_non_exhaustive()
    }
}

/// Serves one connection in cleartext. The guard is dropped when the connection has closed.
#[cfg(feature = "testing")]
pub(crate) async fn serve_plain<I: Io, V: Serve>(
    io: I,
    service: V,
    shared: Arc<Shared>,
    peer: Option<SocketAddr>,
    guard: impl Any + Send,
) {
    let conn = ConnectionState::new(shared, peer, false);
    conn.set_guard(guard);
    serve(MaybeTls::Plain(Stall::new(io, &conn)), Bytes::new(), service, conn, Arc::default()).await;
}
