//! One connection, from its first byte to its last.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};

use axum_core::BoxError;
use tokio::io::{AsyncRead, AsyncWrite};

use super::client::Client;
use super::exchange::{Serve, answering};
use super::explain::{explain, late, unreadable};
use super::http1;
#[cfg(feature = "http2")]
use super::http2;
#[cfg(feature = "http2")]
use super::race::First;
use super::race::race;
use super::serving::Serving;
#[cfg(feature = "http2")]
use super::sniff::speaks_http2;
use super::transport::Transport;
use crate::error::CloseReason;

/// What a connection can run over: a socket, or what stands for one in a test.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<I: AsyncRead + AsyncWrite + Unpin + Send + 'static> Io for I {}

/// Serves one connection until its client leaves, or until the shutdown has ended its streams. It
/// holds the shutdown's deadline itself, so that it ends in time even where nobody waits for it
/// any more.
pub(crate) async fn serve<I, V>(io: I, service: V, serving: Arc<Serving>, peer: Option<SocketAddr>, overloaded: bool)
where
    I: Io,
    V: Serve,
{
    let client = Client::new(Arc::clone(&serving), peer, overloaded);
    let deadline = async {
        serving.deadline().await;
        // Before what is served is dropped, which would look as if the client had left.
        client.close(CloseReason::Shutdown);
    };
    race(serve_to_the_end(io, service, &client), deadline).await;
}

async fn serve_to_the_end<I: Io, V: Serve>(io: I, service: V, client: &Arc<Client>) {
    let (transport, returned) = Transport::new(io, Arc::clone(client));
    let Err(failure) = drive(transport, service, client).await else { return };
    let fresh = client.calls() == 0 && !client.speaks_http2();
    let io = returned.lock().unwrap_or_else(PoisonError::into_inner).take();
    let answer = if client.is_late() { Some(late()) } else { unreadable(&failure) };
    match (io, answer) {
        (Some(io), Some(answer)) if fresh => explain(io, answer).await,
        // A client that leaves in the middle of a stream is no error: it is how streams end.
        _ => tracing::debug!(target: "touka::server", error = failure, "connection closed"),
    }
}

#[cfg(not(feature = "http2"))]
async fn drive<I: Io, V: Serve>(transport: Transport<I>, service: V, client: &Arc<Client>) -> Result<(), BoxError> {
    http1::drive(transport, answering(service, Arc::clone(client)), client).await.map_err(Into::into)
}

#[cfg(feature = "http2")]
async fn drive<I: Io, V: Serve>(transport: Transport<I>, service: V, client: &Arc<Client>) -> Result<(), BoxError> {
    let answering = answering(service, Arc::clone(client));
    let sniffed = match race(speaks_http2(transport), client.serving.handle.shutdown.cancelled()).await {
        First::Left(sniffed) => sniffed,
        // It has not asked for anything yet, so there is nothing to finish.
        First::Right(()) => return Ok(()),
    };
    let finished = match sniffed? {
        (true, io) => {
            client.set_http2();
            http2::drive(io, answering, client).await
        }
        (false, io) => http1::drive(io, answering, client).await,
    };
    finished.map_err(Into::into)
}
