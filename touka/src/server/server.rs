//! [`Server`], which gives a service to the network.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use axum_core::BoxError;
use axum_core::extract::Request;
use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower_service::Service;

use super::connection;
use super::listener::{Listen, Listener};
use super::shutdown::{Shutdown, Signals};
use crate::error::Result;

/// How long open streams and running requests have once the shutdown began.
pub(crate) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves any tower service over HTTP/1.1: a [`Router`](crate::Router), an `axum::Router`, one of
/// your own.
///
/// ```no_run
/// use touka::{Router, Server};
///
/// # async fn run(stop: tokio::sync::oneshot::Receiver<()>) -> touka::Result<()> {
/// Server::new()
///     .shutdown_on(async { drop(stop.await) })
///     .serve("127.0.0.1:3000", Router::new())
///     .await
/// # }
/// ```
#[must_use = "a server serves nothing until `serve` is awaited"]
pub struct Server {
    shutdown: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    shutdown_timeout: Duration,
}

impl Server {
    /// A server with the defaults: it stops at ctrl-c or SIGTERM, and takes at most 10 s for it.
    pub const fn new() -> Self {
        Self { shutdown: None, shutdown_timeout: SHUTDOWN_TIMEOUT }
    }

    /// Stops when this future is ready, instead of at ctrl-c and SIGTERM.
    pub fn shutdown_on(mut self, wish: impl Future<Output = ()> + Send + 'static) -> Self {
        self.shutdown = Some(Box::pin(wish));
        self
    }

    /// Sets how long a shutdown may take, 10 s by default. What is still open then is cut.
    pub const fn shutdown_timeout(mut self, longest: Duration) -> Self {
        self.shutdown_timeout = longest;
        self
    }

    /// Serves until it is told to stop.
    ///
    /// Then it takes no more connections, ends every event stream after the event in hand with a
    /// `retry:` of its own, finishes the other requests, and returns: within the shutdown timeout,
    /// whatever clients and handlers do. A second signal ends it at once.
    ///
    /// # Errors
    /// The address cannot be opened, or signals cannot be listened for. No client can make it
    /// fail.
    ///
    /// # Cancellation
    /// Dropping the future stops accepting; connections go on until they end.
    pub async fn serve<V, B>(self, address: impl Listen, service: V) -> Result<()>
    where
        V: Service<Request, Response = http::Response<B>, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let mut shutdown = match self.shutdown {
            Some(wish) => Shutdown::On(wish),
            None => Shutdown::Signals(Signals::listen()?),
        };
        let listener = address.listen().await?;
        let stop = CancellationToken::new();
        // Nothing is ever sent: each connection holds a sender, and when the last is dropped all
        // connections are gone.
        let (alive, mut gone) = mpsc::channel::<Infallible>(1);
        let longest = self.shutdown_timeout;
        let token = stop.clone();
        let accept = accept(listener, move |stream| {
            let (alive, serve) = (alive.clone(), connection::serve(stream, service.clone(), token.clone(), longest));
            tokio::spawn(async move {
                serve.await;
                drop(alive);
            });
        });
        tokio::select! {
            biased;
            () = shutdown.wished() => {}
            never = accept => match never {},
        }
        stop.cancel();
        tracing::info!(target: "touka::server", connections = gone.sender_strong_count(), "shutting down");
        let why = tokio::select! {
            drained = timeout(longest, gone.recv()) => if drained.is_ok() { return Ok(()) } else { "the deadline" },
            () = shutdown.wished_again() => "a second signal",
        };
        tracing::warn!(target: "touka::server", connections = gone.sender_strong_count(), why, "connections are cut");
        Ok(())
    }
}

/// Takes connections until it is dropped, and with it the port.
async fn accept(listener: Listener, each: impl Fn(TcpStream)) -> Infallible {
    loop {
        let (stream, _peer) = listener.accept().await;
        each(stream);
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("shutdown_timeout", &self.shutdown_timeout).finish_non_exhaustive()
    }
}

/// Serves a service with the defaults: [`Server::serve`].
///
/// ```no_run
/// # async fn run() -> touka::Result<()> {
/// let app = axum::Router::new().route("/", axum::routing::get(|| async { "hello" }));
/// touka::serve("127.0.0.1:3000", app).await
/// # }
/// ```
///
/// # Errors
/// As [`Server::serve`].
pub async fn serve<V, B>(address: impl Listen, service: V) -> Result<()>
where
    V: Service<Request, Response = http::Response<B>, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    Server::new().serve(address, service).await
}
