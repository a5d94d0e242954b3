//! [`Port`], an open port and what is done with those who come.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use tokio::sync::mpsc;
#[cfg(feature = "tls")]
use tokio::time::timeout;

use super::admission::{Admission, Admitted};
use super::client::Client;
use super::connection;
use super::exchange::Serve;
use super::listener::Listener;
use super::park::Lot;
#[cfg(feature = "tls")]
use super::race::{First, race};
use super::serving::Serving;
use super::socket::Socket;
use super::stall::Stall;
#[cfg(feature = "tls")]
use super::tls::Tls;
use super::wire::Wire;

/// An open port, and what is done with each connection.
pub(super) struct Port {
    pub(super) serving: Arc<Serving>,
    pub(super) lot: Arc<Lot>,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Tls>,
}

impl Port {
    /// Takes connections until it is dropped, and with it the port.
    pub(super) async fn accept<V: Serve>(
        &self,
        listener: Listener,
        service: V,
        alive: mpsc::Sender<Infallible>,
    ) -> Infallible {
        let admission = Admission::default();
        loop {
            let (socket, peer) = listener.accept(self.serving.limits.write_time).await;
            let (overloaded, permit) = match admission.admit(peer.map(|peer| peer.ip()), &self.serving.limits) {
                Admitted::Yes(permit) => (false, permit),
                Admitted::Overload(permit) => (true, permit),
                Admitted::No => continue,
            };
            let client = Client::new(Arc::clone(&self.serving), peer, overloaded);
            client.set_guard((permit, alive.clone()));
            tokio::spawn(self.serve(socket, service.clone(), client));
        }
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
                Some(tls) => Box::pin(shake_hands(&tls, socket, &client.serving)).await,
                None => Some(Wire::Plain(socket)),
            };
            #[cfg(not(feature = "tls"))]
            let wire = Some(Wire::Plain(socket));
            if let Some(wire) = wire {
                connection::serve(wire, service, client, lot).await;
            }
        }
    }
}

/// On the connection's own task: a slow client makes nobody else wait.
#[cfg(feature = "tls")]
async fn shake_hands(tls: &Tls, socket: Stall<Socket>, serving: &Serving) -> Option<Wire<Socket>> {
    let shaken = race(timeout(serving.limits.head_time, tls.accept(socket)), serving.handle.shutdown.cancelled()).await;
    match shaken {
        First::Left(Ok(Ok(wire))) => Some(wire),
        First::Left(Ok(Err(error))) => {
            tracing::debug!(target: "touka::server", %error, "no TLS handshake");
            None
        }
        First::Left(Err(_)) | First::Right(()) => None,
    }
}
