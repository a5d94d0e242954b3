//! One connection, from its first byte to its last.

#[cfg(feature = "testing")]
use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};

use axum_core::BoxError;
use bytes::Bytes;

use super::again::{Again, Bare};
use super::client::Client;
use super::exchange::{Serve, answering};
use super::exit::{Exit, Offered};
use super::explain::{self, unreadable};
#[cfg(feature = "http2")]
use super::grace;
use super::http1;
#[cfg(feature = "http2")]
use super::http2;
use super::park::Lot;
#[cfg(feature = "http2")]
use super::race::First;
use super::race::race;
#[cfg(feature = "testing")]
use super::serving::Serving;
#[cfg(feature = "http2")]
use super::sniff::speaks_http2;
use super::socket::Socket;
use super::stall::{Io, Stall};
use super::stream::Writer;
use super::transport::Transport;
use super::wire::{Protocol, Wire};
use crate::error::CloseReason;

/// Serves one connection until its client leaves, or until the shutdown has ended its streams. It
/// holds the shutdown's deadline itself, so that it ends in time even where nobody waits for it
/// any more.
///
/// `sent` is what the client has sent already.
pub(super) async fn serve<I: Io, V: Serve>(wire: Wire<I>, sent: Bytes, service: V, client: Arc<Client>, lot: Arc<Lot>) {
    let deadline = async {
        client.serving.deadline().await;
        // Before what is served is dropped, which would look as if the client had left.
        client.close(CloseReason::Shutdown);
    };
    race(serve_to_the_end(wire, sent, service, &client, &lot), deadline).await;
}

async fn serve_to_the_end<I: Io, V: Serve>(
    wire: Wire<I>,
    sent: Bytes,
    service: V,
    client: &Arc<Client>,
    lot: &Arc<Lot>,
) {
    client.set_bare(wire.is_bare());
    let protocol = wire.protocol();
    let (mut transport, returned) = Transport::new(wire, Arc::clone(client));
    transport.unread(&sent);
    let exit = Arc::<Exit>::default();
    let finished = drive(transport, protocol, service.clone(), client, &exit).await;
    let returned = returned.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (io, sent) = returned.map_or((None, Bytes::new()), |(io, sent)| (Some(io), sent));
    if let Some(offered) = exit.take() {
        // Without a socket the client has left, and the response with it.
        if let Some(io) = io {
            leave(offered, io, sent, NextRequest::new(service, client, lot), client);
        }
        return;
    }
    let Err(failure) = finished else {
        if let Some(io) = io.filter(|_| client.is_unread()) {
            Box::pin(explain::linger(io)).await;
        }
        return;
    };
    let (fresh, late) = (client.calls() == 0 && !client.speaks_http2(), client.is_late());
    let answer = if late { Some(explain::late()) } else { unreadable(&failure) };
    // What is wrong with a later request hyper has answered itself, unless the head has come too slowly:
    // then nothing was written, and nothing of an earlier answer may be under way.
    let unanswered = fresh || late && !client.is_unflushed();
    match (io, answer) {
        // In a box, as is what most connections never come to.
        (Some(io), Some(answer)) if unanswered => Box::pin(explain::explain(io, answer)).await,
        // A client that leaves in the middle of a stream is no error: it is how streams end.
        _ => tracing::debug!(target: "touka::server", error = failure, "connection closed"),
    }
}

#[cfg(not(feature = "http2"))]
async fn drive<I: Io, V: Serve>(
    transport: Transport<Wire<I>>,
    _: Protocol,
    service: V,
    client: &Arc<Client>,
    exit: &Arc<Exit>,
) -> Result<(), BoxError> {
    http1::drive(transport, answering(service, Arc::clone(client), Arc::clone(exit)), client, exit)
        .await
        .map_err(Into::into)
}

#[cfg(feature = "http2")]
async fn drive<I: Io, V: Serve>(
    mut transport: Transport<Wire<I>>,
    protocol: Protocol,
    service: V,
    client: &Arc<Client>,
    exit: &Arc<Exit>,
) -> Result<(), BoxError> {
    let answering = answering(service, Arc::clone(client), Arc::clone(exit));
    let is_http2 = match protocol {
        // A connection that has returned has spoken HTTP/1.1.
        Protocol::Unknown if client.has_returned() || client.calls() > 0 => false,
        Protocol::Unknown => {
            let sniffed = race(speaks_http2(&mut transport), grace::over(client)).await;
            // It has not asked for anything yet, so there is nothing to finish.
            let First::Left(sniffed) = sniffed else { return Ok(()) };
            let (is_http2, read) = sniffed?;
            transport.unread(&read);
            is_http2
        }
        Protocol::Http1 => false,
        Protocol::Http2 => true,
    };
    if is_http2 {
        client.set_http2();
        // Boxed, so that HTTP/1.1 connections do not pay for the size of the HTTP/2 future.
        return Box::pin(http2::drive(transport, answering, client)).await.map_err(Into::into);
    }
    http1::drive(transport, answering, client, exit).await.map_err(Into::into)
}

/// Has a response written that has left hyper.
fn leave<I: Io, V: Serve>(offered: Offered, io: Wire<I>, sent: Bytes, next: NextRequest<V>, client: &Arc<Client>) {
    match offered {
        Offered::Parked(offer) => {
            if let Some(socket) = io.into_tcp() {
                let lot = Arc::clone(&next.lot);
                lot.park(*offer, socket, sent, Box::new(next), &client.serving);
            }
        }
        Offered::Stream(leaving) => {
            tokio::spawn(Writer::new(*leaving, io, sent, Arc::clone(client), Box::new(next)));
        }
    }
}

/// Serves a connection's next requests, after a stream that was served by other means.
struct NextRequest<V> {
    service: V,
    /// The connection's peer. Each request may name another client.
    peer: Option<SocketAddr>,
    /// As [`Client::is_unnamed`].
    unnamed: bool,
    lot: Arc<Lot>,
}

impl<V> NextRequest<V> {
    fn new(service: V, client: &Client, lot: &Arc<Lot>) -> Self {
        Self { service, peer: client.peer, unnamed: client.is_unnamed(), lot: Arc::clone(lot) }
    }
}

impl<V: Serve> Again<Bare> for NextRequest<V> {
    fn again(self: Box<Self>, connection: Bare, sent: Bytes) {
        let Self { service, peer, unnamed, lot } = *self;
        let Bare { socket, guard, serving } = connection;
        let client = Client::returned(serving, peer, guard);
        client.set_unnamed(unnamed);
        let wire = Wire::Plain(Stall::new(Socket::Tcp(socket), &client));
        tokio::spawn(serve(wire, sent, service, client, lot));
    }
}

impl<I: Io, V: Serve> Again<(Wire<I>, Arc<Client>)> for NextRequest<V> {
    fn again(self: Box<Self>, (wire, client): (Wire<I>, Arc<Client>), sent: Bytes) {
        tokio::spawn(serve(wire, sent, self.service, client, self.lot));
    }
}

impl<V> fmt::Debug for NextRequest<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NextRequest").finish_non_exhaustive()
    }
}

/// Serves one connection in cleartext. The guard is dropped when it has closed.
#[cfg(feature = "testing")]
pub(crate) async fn serve_plain<I: Io, V: Serve>(
    io: I,
    service: V,
    serving: Arc<Serving>,
    peer: Option<SocketAddr>,
    guard: impl Any + Send,
) {
    let client = Client::new(serving, peer, false);
    client.set_guard(guard);
    serve(Wire::Plain(Stall::new(io, &client)), Bytes::new(), service, client, Arc::default()).await;
}
