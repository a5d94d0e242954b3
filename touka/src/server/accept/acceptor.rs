//! [`Acceptor`], which accepts connections and spawns their tasks.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::listener::Listener;
use super::proxy_protocol::{Named, read_header};
use crate::server::http::connection;
use crate::server::http::exchange::Serve;
#[cfg(feature = "tls")]
use crate::server::http::grace;
use crate::server::http::grace::GRACE;
use crate::server::io::maybe_tls::MaybeTls;
use crate::server::io::socket::Socket;
use crate::server::io::stall::Stall;
#[cfg(feature = "tls")]
use crate::server::io::tls::Tls;
use crate::server::limits::admission::Admitted;
use crate::server::park::Lot;
use crate::server::race::{First, race};
use crate::server::shared::Shared;
use crate::server::state::connection_state::ConnectionState;
use crate::stream::{catch, log_panic};

/// Accepts connections and serves each on a task of its own. Clones belong to the same server.
#[derive(Clone)]
pub(in crate::server) struct Acceptor {
    pub(in crate::server) shared: Arc<Shared>,
    pub(in crate::server) lot: Arc<Lot>,
    #[cfg(feature = "tls")]
    pub(in crate::server) tls: Option<Tls>,
}

impl Acceptor {
    /// Accepts connections until the future is dropped.
    pub(in crate::server) async fn accept<V: Serve>(
        &self,
        listener: &Listener,
        service: V,
        alive: &mpsc::Sender<Infallible>,
    ) -> Infallible {
        loop {
            let (socket, peer) = listener.accept(self.shared.limits.write_time).await;
            self.admit(socket, peer, &service, alive);
        }
    }

    /// Accepts the connections in the kernel's backlog, and closes the port.
    pub(in crate::server) fn close<V: Serve>(&self, listener: Listener, service: &V, alive: &mpsc::Sender<Infallible>) {
        for backlog in listener.into_backlogs(self.shared.limits.write_time) {
            match backlog {
                Ok(backlog) => backlog.for_each(|(socket, peer)| self.admit(socket, peer, service, alive)),
                Err(error) => tracing::error!(target: "touka::server", %error, "cannot accept the last connections"),
            }
        }
    }

    fn admit<V: Serve>(&self, socket: Socket, peer: Option<SocketAddr>, service: &V, alive: &mpsc::Sender<Infallible>) {
        // `Clone` is user code: a panic in it must not end the accept loop.
        let service = match catch(|| service.clone()) {
            Ok(service) => service,
            Err(panic) => return log_panic("the clone of a service", panic),
        };
        if self.shared.proxies.announce(peer.map(|peer| peer.ip())) {
            self.admit_announced(socket, peer, service, alive);
        } else {
            self.admit_client(socket, (peer, false), service, alive);
        }
    }

    /// Serves a connection, or answers with the overload response if it is over a limit. `unnamed` is set if
    /// its peer is a proxy that was to name its client and did not.
    fn admit_client<V: Serve>(
        &self,
        socket: Socket,
        (peer, unnamed): (Option<SocketAddr>, bool),
        service: V,
        alive: &mpsc::Sender<Infallible>,
    ) {
        let shared = &self.shared;
        let (overloaded, permit) = match shared.admission.connection(shared.proxies.peer(peer), &shared.limits) {
            Admitted::Yes(permit) => (false, permit),
            Admitted::Overload(permit) => (true, permit),
            Admitted::No => return,
        };
        let conn = ConnectionState::new(Arc::clone(shared), peer, overloaded);
        conn.set_unnamed(unnamed);
        conn.set_guard((permit, alive.clone()));
        tokio::spawn(self.serve(socket, service, conn));
    }

    /// Serves a connection of a proxy that names its client first. The header is read on a task of its own, so
    /// that a slow proxy does not delay others. Until then the connection counts towards the total only.
    fn admit_announced<V: Serve>(
        &self,
        mut socket: Socket,
        proxy: Option<SocketAddr>,
        service: V,
        alive: &mpsc::Sender<Infallible>,
    ) {
        let shared = &self.shared;
        let (Admitted::Yes(waits) | Admitted::Overload(waits)) = shared.admission.connection(None, &shared.limits)
        else {
            return;
        };
        let (port, alive) = (self.clone(), alive.clone());
        tokio::spawn(async move {
            let shared = &port.shared;
            let header = timeout(shared.limits.head_time, read_header(&mut socket));
            let grace = async {
                shared.handle.shutdown.cancelled().await;
                sleep(GRACE.min(shared.shutdown_timeout / 2)).await;
            };
            let error = match race(header, grace).await {
                First::Left(Ok(Ok(named))) => {
                    drop(waits);
                    let peer = match named {
                        Named::Client(client) => (Some(client), false),
                        Named::Unnamed => (proxy, true),
                    };
                    // A second task: otherwise this future would stay in memory with the connection.
                    port.admit_client(socket, peer, service, &alive);
                    return;
                }
                First::Left(Ok(Err(error))) => error,
                First::Left(Err(_)) => io::ErrorKind::TimedOut.into(),
                First::Right(()) => return,
            };
            tracing::debug!(
                target: "touka::server",
                proxy = proxy.map(tracing::field::display),
                %error,
                "a trusted proxy sent no valid PROXY protocol header"
            );
        });
    }

    fn serve<V: Serve>(
        &self,
        socket: Socket,
        service: V,
        conn: Arc<ConnectionState>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let socket = Stall::new(socket, &conn);
        let lot = Arc::clone(&self.lot);
        #[cfg(feature = "tls")]
        let tls = self.tls.clone();
        async move {
            #[cfg(feature = "tls")]
            let wire = match tls {
                // Boxed: the handshake ends soon, and would otherwise take memory for the life of the
                // connection.
                Some(tls) => Box::pin(shake_hands(&tls, socket, &conn)).await,
                None => Some(MaybeTls::Plain(socket)),
            };
            #[cfg(not(feature = "tls"))]
            let wire = Some(MaybeTls::Plain(socket));
            if let Some(wire) = wire {
                connection::serve(wire, Bytes::new(), service, conn, lot).await;
            }
        }
    }
}

/// Performs the TLS handshake. It runs on the connection's own task, so that a slow client does not delay
/// others.
#[cfg(feature = "tls")]
async fn shake_hands(tls: &Tls, socket: Stall<Socket>, conn: &ConnectionState) -> Option<MaybeTls<Socket>> {
    let shaken = timeout(conn.shared.limits.head_time, tls.accept(socket));
    let shaken = race(shaken, grace::over(conn)).await;
    match shaken {
        First::Left(Ok(Ok(wire))) => Some(wire),
        First::Left(Ok(Err(error))) => {
            tracing::debug!(target: "touka::server", %error, "the TLS handshake failed");
            None
        }
        First::Left(Err(_)) | First::Right(()) => None,
    }
}
