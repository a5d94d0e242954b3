//! [`Port`], an open port and what is done with those who come.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::admission::Admitted;
use super::client::Client;
use super::connection;
use super::exchange::Serve;
#[cfg(feature = "tls")]
use super::grace;
use super::grace::GRACE;
use super::listener::Listener;
use super::park::Lot;
use super::proxy_protocol::{Named, read_header};
use super::race::{First, race};
use super::serving::Serving;
use super::socket::Socket;
use super::stall::Stall;
#[cfg(feature = "tls")]
use super::tls::Tls;
use super::wire::Wire;
use crate::stream::{catch, log_panic};

/// An open port, and what is done with each connection. Clones are the same port's.
#[derive(Clone)]
pub(super) struct Port {
    pub(super) serving: Arc<Serving>,
    pub(super) lot: Arc<Lot>,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Tls>,
}

impl Port {
    /// Takes connections until it is dropped.
    pub(super) async fn accept<V: Serve>(
        &self,
        listener: &Listener,
        service: V,
        alive: &mpsc::Sender<Infallible>,
    ) -> Infallible {
        loop {
            let (socket, peer) = listener.accept(self.serving.limits.write_time).await;
            self.admit(socket, peer, &service, alive);
        }
    }

    /// Takes the connections that the kernel has accepted already, and closes the port.
    pub(super) fn close<V: Serve>(&self, listener: Listener, service: &V, alive: &mpsc::Sender<Infallible>) {
        for backlog in listener.into_backlogs(self.serving.limits.write_time) {
            match backlog {
                Ok(backlog) => backlog.for_each(|(socket, peer)| self.admit(socket, peer, service, alive)),
                Err(error) => tracing::error!(target: "touka::server", %error, "cannot accept the last connections"),
            }
        }
    }

    fn admit<V: Serve>(&self, socket: Socket, peer: Option<SocketAddr>, service: &V, alive: &mpsc::Sender<Infallible>) {
        // `Clone` is code of the user's as well: a panic of it must not end the port.
        let service = match catch(|| service.clone()) {
            Ok(service) => service,
            Err(panic) => return log_panic("the clone of a service", panic),
        };
        if self.serving.proxies.announce(peer.map(|peer| peer.ip())) {
            self.admit_announced(socket, peer, service, alive);
        } else {
            self.admit_client(socket, (peer, false), service, alive);
        }
    }

    /// Serves a connection: within the limits, or to say that it is over one. `unnamed` is true if its
    /// peer is a proxy that was to name its client and has not.
    fn admit_client<V: Serve>(
        &self,
        socket: Socket,
        (peer, unnamed): (Option<SocketAddr>, bool),
        service: V,
        alive: &mpsc::Sender<Infallible>,
    ) {
        let serving = &self.serving;
        let (overloaded, permit) = match serving.admission.connection(serving.proxies.peer(peer), &serving.limits) {
            Admitted::Yes(permit) => (false, permit),
            Admitted::Overload(permit) => (true, permit),
            Admitted::No => return,
        };
        let client = Client::new(Arc::clone(serving), peer, overloaded);
        client.set_unnamed(unnamed);
        client.set_guard((permit, alive.clone()));
        tokio::spawn(self.serve(socket, service, client));
    }

    /// Serves a connection of a proxy that names its client first, on a task of its own: a slow proxy
    /// makes nobody else wait. Until then the connection counts in all, and as nobody's.
    fn admit_announced<V: Serve>(
        &self,
        mut socket: Socket,
        proxy: Option<SocketAddr>,
        service: V,
        alive: &mpsc::Sender<Infallible>,
    ) {
        let serving = &self.serving;
        let (Admitted::Yes(waits) | Admitted::Overload(waits)) = serving.admission.connection(None, &serving.limits)
        else {
            return;
        };
        let (port, alive) = (self.clone(), alive.clone());
        tokio::spawn(async move {
            let serving = &port.serving;
            let header = timeout(serving.limits.head_time, read_header(&mut socket));
            let grace = async {
                serving.handle.shutdown.cancelled().await;
                sleep(GRACE.min(serving.shutdown_timeout / 2)).await;
            };
            let error = match race(header, grace).await {
                First::Left(Ok(Ok(named))) => {
                    drop(waits);
                    let peer = match named {
                        Named::Client(client) => (Some(client), false),
                        Named::Nobody => (proxy, true),
                    };
                    // On a task of its own: this one's future would stay with the connection.
                    port.admit_client(socket, peer, service, &alive);
                    return;
                }
                First::Left(Ok(Err(error))) => error,
                First::Left(Err(_)) => io::ErrorKind::TimedOut.into(),
                First::Right(()) => return,
            };
            tracing::debug!(target: "touka::server", proxy = proxy.map(tracing::field::display), %error, "no header of the PROXY protocol");
        });
    }

    fn serve<V: Serve>(
        &self,
        socket: Socket,
        service: V,
        client: Arc<Client>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let socket = Stall::new(socket, &client);
        let lot = Arc::clone(&self.lot);
        #[cfg(feature = "tls")]
        let tls = self.tls.clone();
        async move {
            #[cfg(feature = "tls")]
            let wire = match tls {
                // In a box: the handshake is over soon, and its room would stay.
                Some(tls) => Box::pin(shake_hands(&tls, socket, &client)).await,
                None => Some(Wire::Plain(socket)),
            };
            #[cfg(not(feature = "tls"))]
            let wire = Some(Wire::Plain(socket));
            if let Some(wire) = wire {
                connection::serve(wire, Bytes::new(), service, client, lot).await;
            }
        }
    }
}

/// On the connection's own task: a slow client makes nobody else wait.
#[cfg(feature = "tls")]
async fn shake_hands(tls: &Tls, socket: Stall<Socket>, client: &Client) -> Option<Wire<Socket>> {
    let shaken = timeout(client.serving.limits.head_time, tls.accept(socket));
    let shaken = race(shaken, grace::over(client)).await;
    match shaken {
        First::Left(Ok(Ok(wire))) => Some(wire),
        First::Left(Ok(Err(error))) => {
            tracing::debug!(target: "touka::server", %error, "no TLS handshake");
            None
        }
        First::Left(Err(_)) | First::Right(()) => None,
    }
}
