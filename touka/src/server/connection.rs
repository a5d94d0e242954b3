//! One connection, from its first byte to its last.

use std::sync::{Arc, PoisonError};

use axum_core::BoxError;

use super::client::Client;
use super::exchange::{Serve, answering};
use super::explain::{self, unreadable};
#[cfg(feature = "http2")]
use super::grace;
use super::http1;
#[cfg(feature = "http2")]
use super::http2;
use super::park::{Lot, Offered};
#[cfg(feature = "http2")]
use super::race::First;
use super::race::race;
#[cfg(feature = "http2")]
use super::sniff::{Rewound, speaks_http2};
use super::stall::Io;
#[cfg(feature = "testing")]
use super::stall::Stall;
use super::transport::Transport;
use super::wire::{Protocol, Wire};
use crate::error::CloseReason;

/// Serves one connection until its client leaves, or until the shutdown has ended its streams. It
/// holds the shutdown's deadline itself, so that it ends in time even where nobody waits for it
/// any more.
pub(super) async fn serve<I: Io, V: Serve>(wire: Wire<I>, service: V, client: Arc<Client>, lot: Arc<Lot>) {
    let deadline = async {
        client.serving.deadline().await;
        // Before what is served is dropped, which would look as if the client had left.
        client.close(CloseReason::Shutdown);
    };
    race(serve_to_the_end(wire, service, &client, &lot), deadline).await;
}

async fn serve_to_the_end<I: Io, V: Serve>(wire: Wire<I>, service: V, client: &Arc<Client>, lot: &Lot) {
    client.set_bare(wire.is_bare());
    let protocol = wire.protocol();
    let (transport, returned) = Transport::new(wire, Arc::clone(client));
    let offered = Arc::<Offered>::default();
    let finished = drive(transport, protocol, service, client, &offered).await;
    let io = returned.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(offer) = offered.take() {
        // Without a socket the client has left, and the offer with it.
        if let Some(socket) = io.and_then(Wire::into_tcp) {
            lot.park(*offer, socket, &client.serving);
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
    offered: &Arc<Offered>,
) -> Result<(), BoxError> {
    http1::drive(transport, answering(service, Arc::clone(client), Arc::clone(offered)), client, offered)
        .await
        .map_err(Into::into)
}

#[cfg(feature = "http2")]
async fn drive<I: Io, V: Serve>(
    transport: Transport<Wire<I>>,
    protocol: Protocol,
    service: V,
    client: &Arc<Client>,
    offered: &Arc<Offered>,
) -> Result<(), BoxError> {
    let answering = answering(service, Arc::clone(client), Arc::clone(offered));
    let spoken = match protocol {
        Protocol::Unknown => match race(speaks_http2(transport), grace::over(client)).await {
            First::Left(sniffed) => sniffed?,
            // It has not asked for anything yet, so there is nothing to finish.
            First::Right(()) => return Ok(()),
        },
        Protocol::Http1 => (false, Rewound::none(transport)),
        Protocol::Http2 => (true, Rewound::none(transport)),
    };
    let finished = match spoken {
        (true, io) => {
            client.set_http2();
            // In a box: a connection of HTTP/1.1 must not keep the room that one of HTTP/2 takes.
            Box::pin(http2::drive(io, answering, client)).await
        }
        (false, io) => http1::drive(io, answering, client, offered).await,
    };
    finished.map_err(Into::into)
}

/// Serves one connection in cleartext.
#[cfg(feature = "testing")]
pub(crate) async fn serve_plain<I: Io, V: Serve>(
    io: I,
    service: V,
    serving: Arc<super::serving::Serving>,
    peer: Option<std::net::SocketAddr>,
) {
    let client = Client::new(serving, peer, false);
    serve(Wire::Plain(Stall::new(io, &client)), service, client, Arc::default()).await;
}
