//! A server in this process, on a port of its own.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum_core::extract::Request;
use axum_core::response::Response;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use touka::Server;
use touka::server::Listener;
use tower_service::Service;

use crate::wait::within;

/// A service that can be served here: a touka router, an axum router.
pub trait App:
    Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static
{
}

impl<V> App for V where
    V: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static
{
}

/// A server that runs until it is stopped.
#[derive(Debug)]
pub struct Running {
    /// The address that it listens on.
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<touka::Result<()>>,
}

impl Running {
    /// Serves with touka's default server.
    pub async fn serve(service: impl App) -> Self {
        Self::serve_with(Server::new(), service).await
    }

    /// Serves with a configured server.
    pub async fn serve_with(server: Server, service: impl App) -> Self {
        let listener = Listener::bind("127.0.0.1:0").await.expect("bind");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let server = server.shutdown_on(async { drop(stopped.await) });
        let server = tokio::spawn(server.serve(listener, service));
        Self { address, stop: Some(stop), server }
    }

    /// Begins the shutdown.
    pub fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until `serve` has returned.
    ///
    /// # Panics
    /// `serve` did not return in time, or returned an error.
    pub async fn stopped(self, longest: Duration) {
        within(longest, "the shutdown", self.server).await.expect("the server panicked").expect("the server failed");
    }
}
