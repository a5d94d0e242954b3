//! [`Target`], the app that requests of a test go to.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::DuplexStream;

use super::cookies::CookieJar;
use super::pipe::{Pipe, Valve, pipe};
use super::watch::{CountedPart, CountedService, Exchange, Watch};
use crate::server::{App, Serve, Shared, serve_plain};
use crate::sync::Mutex;

/// The default timeout of each wait.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The default capacity of a pipe: about that of a socket.
const CAPACITY: usize = 64 * 1024;

/// The app under test and the settings of its connections.
#[derive(Clone)]
pub(super) struct Target {
    serve: Arc<ServeFn>,
    pub(super) watch: Watch,
    pub(super) serving: Arc<Shared>,
    pub(super) timeout: Duration,
    /// In bytes, in each direction.
    pub(super) pipe_capacity: usize,
    pub(super) peer: Option<SocketAddr>,
    /// `None` unless [`TestApp::cookies`](super::TestApp::cookies) was called.
    pub(super) cookies: Option<CookieJar>,
}

/// Spawns a task that serves one connection from a peer.
type ServeFn = dyn Fn(Pipe, Exchange, Arc<Shared>, Option<SocketAddr>) + Send + Sync;

impl Target {
    pub(super) fn new<A: App<Kind>, Kind>(app: A) -> Self {
        // A service need not be `Sync`, but `ServeFn` is.
        let service = Mutex::new(app.into_service());
        let serve = move |pipe, exchange: Exchange, serving, peer| {
            let service = service.lock().clone();
            serve(pipe, service, exchange, serving, peer);
        };
        Self {
            serve: Arc::new(serve),
            watch: Watch::default(),
            serving: Arc::new(Shared::new()),
            timeout: TIMEOUT,
            pipe_capacity: CAPACITY,
            peer: None,
            cookies: None,
        }
    }

    /// Opens a connection for one request. A task of its own serves it.
    pub(super) fn connect(&self, exchange: &Exchange) -> (DuplexStream, Arc<Valve>) {
        let (server, client, valve) = pipe(self.pipe_capacity);
        // A server that shuts down accepts no connection: the client finds its own closed.
        if !self.serving.handle.is_shutting_down() {
            (self.serve)(server, exchange.clone(), Arc::clone(&self.serving), self.peer);
        }
        (client, valve)
    }
}

fn serve(pipe: Pipe, service: impl Serve, exchange: Exchange, serving: Arc<Shared>, peer: Option<SocketAddr>) {
    let alive = exchange.alive(CountedPart::Connection);
    let service = CountedService { service, exchange };
    tokio::spawn(serve_plain(pipe, service, serving, peer, alive));
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("timeout", &self.timeout)
            .field("left", &self.watch.left())
            .finish_non_exhaustive()
    }
}
