//! [`Server`], which gives a service to the network.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::app::App;
use super::config::Park;
use super::handle::Handle;
use super::meter;
use super::race::{First, race};
use super::shared::Shared;
use super::shutdown::{Shutdown, Signals};
use crate::error::Result;
use crate::server::accept::acceptor::Acceptor;
use crate::server::accept::descriptors;
use crate::server::accept::listen::IntoListener;
#[cfg(feature = "tls")]
use crate::server::io::tls::Tls;
use crate::stream::describe as describe_streams;

/// Serves any tower service over HTTP/1.1 and HTTP/2, on one port: a [`Router`](crate::Router), an
/// `axum::Router`, one of your own.
///
/// ```no_run
/// use touka::{Router, Server};
///
/// # async fn run(stop: tokio::sync::oneshot::Receiver<()>) -> touka::Result<()> {
/// Server::new()
///     .max_connections(100_000)
///     .shutdown_on(async { drop(stop.await) })
///     .serve("127.0.0.1:3000", Router::new())
///     .await
/// # }
/// ```
///
/// # Limits
/// All have defaults that are meant for the open internet.
///
/// | limit | default | what happens to whoever is over it |
/// |---|---|---|
/// | [`max_connections`](Self::max_connections) | 50,000 | is told to come back later |
/// | [`max_connections_per_peer`](Self::max_connections_per_peer) | 256 | the same |
/// | [`max_streams`](Self::max_streams) | 50,000 | the same, over a connection that lives on |
/// | [`max_streams_per_peer`](Self::max_streams_per_peer) | 1,000 | the same |
/// | [`max_streams_per_connection`](Self::max_streams_per_connection) | 100 | HTTP/2 lets the client wait |
/// | [`max_head_size`](Self::max_head_size) | 64 KiB | 431 |
/// | [`head_timeout`](Self::head_timeout) | 10 s | 408, and the connection is closed |
/// | [`idle_timeout`](Self::idle_timeout) | 75 s | the connection is closed |
/// | [`max_body_size`](Self::max_body_size) | 2 MiB | 413 |
/// | [`body_timeout`](Self::body_timeout) | 30 s | the handler's read fails |
/// | [`min_body_rate`](Self::min_body_rate) | 1 KiB/s | the same |
/// | [`max_body_memory`](Self::max_body_memory) | 256 MiB | 503 with `Retry-After` |
/// | [`max_body_memory_per_peer`](Self::max_body_memory_per_peer) | 32 MiB | the same |
/// | [`max_body_memory_per_connection`](Self::max_body_memory_per_connection) | 16 MiB | the same |
/// | [`write_timeout`](Self::write_timeout) | 30 s | the stream is closed: `Stalled` |
/// | [`max_lifetime`](Self::max_lifetime) | none | the stream is closed: `Expired` |
///
/// # Overload
/// A browser's `EventSource` gives up for ever when it is answered with a 503, or without the CORS
/// headers that its page needs. So a client that is over a limit of connections or streams and accepts
/// `text/event-stream` gets a 200, a `retry:` of 5 to 15 s and a clean end; any other gets a 503 with
/// `Retry-After`. A page of any origin may read either: there is nothing of the service in it.
/// A CORS preflight is answered with the 503, never allowed: that is for the service alone to say.
///
/// # Open files
/// Each connection takes a file descriptor, and most systems give a process 1,024 to begin with. The
/// server raises that limit as far as it may, and logs a warning if its limit of connections is higher.
#[must_use = "a server serves nothing until `serve` is awaited"]
pub struct Server {
    shutdown: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    pub(super) shared: Shared,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
}

impl Server {
    /// A server with the defaults: it stops at ctrl-c or SIGTERM, and takes at most 10 s for it.
    pub fn new() -> Self {
        Self {
            shutdown: None,
            shared: Shared::new(),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Serves over TLS, and nothing else.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Stops when this future is ready, instead of at ctrl-c and SIGTERM.
    pub fn shutdown_on(mut self, wish: impl Future<Output = ()> + Send + 'static) -> Self {
        self.shutdown = Some(Box::pin(wish));
        self
    }

    /// Sets how long a shutdown may take, 10 s by default. What is still open then is cut.
    pub const fn shutdown_timeout(mut self, longest: Duration) -> Self {
        self.shared.shutdown_timeout = longest;
        self
    }

    /// Sets over how long the ends of many streams are spread at a shutdown, 5 s by default: their
    /// clients do not all come back to the successor in one instant. A few streams take less, 5 ms
    /// each, and never more than half of the shutdown timeout.
    pub const fn drain_window(mut self, longest: Duration) -> Self {
        self.shared.drain_window = longest;
        self
    }

    /// Sets how many connections it has at most, 50,000 by default. With an idle stream over
    /// HTTP/1.1 each takes about 4 KB of memory, or 1.5 where it is parked, and about 20 KB while it waits
    /// for its next request. Each takes one file descriptor.
    pub const fn max_connections(mut self, most: usize) -> Self {
        self.shared.limits.connections = most;
        self
    }

    /// Sets how many connections one client has at most, 256 by default. A client is one IPv4 address
    /// or one /64 network of IPv6. A /56 network has 4 times as many, and a /48 network 16 times:
    /// providers give either to one customer.
    ///
    /// Loopback, private networks and Unix sockets are not counted, because a reverse proxy there
    /// speaks for all its clients. [`trust_proxies`](Self::trust_proxies) says which peers are proxies:
    /// then these, wherever they are, are not counted, and all others are.
    pub const fn max_connections_per_peer(mut self, most: usize) -> Self {
        self.shared.limits.connections_per_peer = most;
        self
    }

    /// Sets how many requests are under way at most, 50,000 by default: from the end of a request's
    /// head to the end of its response, which for an event stream is as long as it is open. A request
    /// beyond that is told to come back later, and its connection lives on.
    pub const fn max_streams(mut self, most: usize) -> Self {
        self.shared.limits.streams = most;
        self
    }

    /// Sets how many requests of one client are under way at most, 1,000 by default, over all its
    /// connections. Clients are told apart as for
    /// [`max_connections_per_peer`](Self::max_connections_per_peer), behind
    /// [trusted proxies](Self::trust_proxies) too.
    pub const fn max_streams_per_peer(mut self, most: usize) -> Self {
        self.shared.limits.streams_per_peer = most;
        self
    }

    /// Sets how many requests one HTTP/2 connection has under way at most, 100 by default. All
    /// tabs of a browser share one connection.
    pub const fn max_streams_per_connection(mut self, most: u32) -> Self {
        self.shared.limits.streams_per_connection = most;
        self
    }

    /// Sets how many bytes the head of a request has at most, 64 KiB by default; no less than
    /// 8 KiB. It is also what HTTP/1.1 holds of a response that its client does not take.
    pub const fn max_head_size(mut self, bytes: usize) -> Self {
        // hyper's own least.
        self.shared.limits.head_bytes = if bytes < 8192 { 8192 } else { bytes };
        self
    }

    /// Sets how long a new connection may say nothing, and how long the head of a request may take
    /// from its first byte to its last; 10 s by default. A TLS handshake has as much.
    pub const fn head_timeout(mut self, longest: Duration) -> Self {
        self.shared.limits.head_time = longest;
        self
    }

    /// Sets how long a connection is kept between two requests, 75 s by default: longer than what
    /// proxies keep theirs, so that it is the proxy who closes it. One that sends a request while
    /// the server closes gets no answer, and says 502.
    ///
    /// A connection is not idle while a response is sent, until its last byte has left.
    pub const fn idle_timeout(mut self, longest: Duration) -> Self {
        self.shared.limits.idle_time = longest;
        self
    }

    /// Sets how many bytes the body of a request has at most, 2 MiB by default. A longer one is
    /// answered with 413; one that does not say how long it is fails where it becomes too long.
    ///
    /// The server also reads what a handler has left unread of a body, up to the same size and within
    /// [`body_timeout`](Self::body_timeout): only behind it does HTTP/1.1 show that a client has left,
    /// or what it asks for next. Past these limits the connection closes after the response.
    pub const fn max_body_size(mut self, bytes: usize) -> Self {
        self.shared.limits.body_bytes = bytes;
        self
    }

    /// Sets how long the body of a request may stand still while a handler waits for it, 30 s by
    /// default. Only waiting counts: a handler that reads slowly makes no client late.
    pub const fn body_timeout(mut self, longest: Duration) -> Self {
        self.shared.limits.body_time = longest;
        self
    }

    /// Sets how many bytes a second the body of a request must come with while a handler waits for it,
    /// 1,024 by default; 0 turns the limit off. It is an average over [`body_timeout`](Self::body_timeout):
    /// a client may be slower for a while, and may stand still for as long as that. Without the limit, one
    /// byte within each `body_timeout` would keep a body open for ever.
    pub const fn min_body_rate(mut self, bytes_per_second: u32) -> Self {
        self.shared.limits.body_rate = bytes_per_second;
        self
    }

    /// Sets how many bytes of request bodies are in memory at most, 256 MiB by default; no less than
    /// 64 KiB, nor than twice [`max_body_size`](Self::max_body_size).
    ///
    /// The bytes that a handler has read of a body count until the body is dropped, and a small frame
    /// counts as 64 bytes more than it has. What HTTP/2 has received and no handler has read is not
    /// counted: it is at most 256 KiB for a connection. When the memory is used up, a request with a body
    /// is answered with 503 and `Retry-After`. A handler that reads a body then finds that the read fails;
    /// if it answers with an error, the client gets that 503 instead.
    pub const fn max_body_memory(mut self, bytes: usize) -> Self {
        self.shared.limits.body_memory = bytes;
        self
    }

    /// Sets how many bytes of request bodies one client has in memory at most, over all its connections,
    /// 32 MiB by default; no less than 64 KiB, nor than twice [`max_body_size`](Self::max_body_size).
    /// Counted as for [`max_body_memory`](Self::max_body_memory), so that no client can have all of that:
    /// not even a /56 or a /48 network, which has up to half of it.
    ///
    /// Clients are told apart as for [`max_streams_per_peer`](Self::max_streams_per_peer).
    pub const fn max_body_memory_per_peer(mut self, bytes: usize) -> Self {
        self.shared.limits.body_memory_per_peer = bytes;
        self
    }

    /// Sets how many bytes of request bodies one connection has in memory at most, 16 MiB by default; no
    /// less than 64 KiB, nor than twice [`max_body_size`](Self::max_body_size). Counted as for
    /// [`max_body_memory`](Self::max_body_memory). A request whose client a trusted proxy has named is held
    /// to that client's limit instead, since a proxy's clients may share a connection.
    pub const fn max_body_memory_per_connection(mut self, bytes: usize) -> Self {
        self.shared.limits.body_memory_per_connection = bytes;
        self
    }

    /// Sets how long a client may take nothing of what is sent to it, 30 s by default: over HTTP/1.1
    /// no byte, over HTTP/2 no byte of the stream. One that reads slowly but steadily is served. A
    /// stream can have a time of its own:
    /// [`EventStream::write_timeout`](crate::EventStream::write_timeout).
    pub const fn write_timeout(mut self, longest: Duration) -> Self {
        self.shared.limits.write_time = longest;
        self
    }

    /// Ends every event stream after this time, give or take a tenth; by default none. A stream
    /// can have a shorter one: [`EventStream::max_lifetime`](crate::EventStream::max_lifetime).
    pub const fn max_lifetime(mut self, longest: Duration) -> Self {
        self.shared.limits.lifetime = Some(longest);
        self
    }

    /// Sets which subscriptions are parked, [`Park::Auto`] by default: a response that is nothing but
    /// a place in a topic, over HTTP/1.1 in cleartext, then takes about 1.5 KB instead of 16, and no
    /// task. The bytes are the same, and so is all that is told of the stream.
    pub const fn park(mut self, park: Park) -> Self {
        self.shared.park = park;
        self
    }

    /// Its controls: the streams that are open, and the shutdown.
    pub fn handle(&self) -> Handle {
        self.shared.handle.clone()
    }

    /// Serves until it is told to stop.
    ///
    /// Then it takes the connections that the kernel has accepted by then, and no more. It ends every
    /// event stream after the event in hand with a `retry:` of its own, finishes the other requests,
    /// and returns: within the shutdown timeout, whatever clients and handlers do. A client that has
    /// just connected has a second for its request, and for each further part of it. HTTP/1.1
    /// responses say `connection: close`, HTTP/2 clients are told with GOAWAY. A second signal ends it
    /// at once.
    ///
    /// # Errors
    /// The address cannot be opened, or signals cannot be listened for. No client can make it
    /// fail.
    ///
    /// # Cancellation
    /// Dropping the future stops accepting; connections go on until they end.
    pub async fn serve<A: App<Kind>, Kind>(self, address: impl IntoListener, app: A) -> Result<()> {
        let service = app.into_service();
        let mut wish = match self.shutdown {
            Some(wish) => Shutdown::On(wish),
            None => Shutdown::Signals(Signals::listen()?),
        };
        let listener = address.into_listener().await?;
        descriptors::raise(&self.shared.limits);
        self.shared.proxies.check();
        meter::describe();
        describe_streams();
        let port = Acceptor {
            shared: Arc::new(self.shared),
            lot: Arc::default(),
            #[cfg(feature = "tls")]
            tls: self.tls,
        };
        let handle = port.shared.handle.clone();
        // Nothing is ever sent: each connection holds a sender, and when the last is dropped all
        // connections are gone.
        let (alive, mut gone) = mpsc::channel::<Infallible>(1);
        // The shutdown counts first: the port closes though more clients are there.
        let told = race(wish.wished(), handle.shutdown.cancelled());
        race(told, port.accept(&listener, service.clone(), &alive)).await;
        handle.begin_shutdown();
        port.close(listener, &service, &alive);
        drop(alive);
        let left = gone.sender_strong_count();
        tracing::info!(target: "touka::server", connections = left, streams = handle.count(), "shutting down");
        let hurry = race(wish.wished_again(), handle.cut.cancelled());
        let why = match timeout(port.shared.shutdown_timeout, race(gone.recv(), hurry)).await {
            Ok(First::Left(_)) => return Ok(()),
            Ok(First::Right(_)) => "a second wish",
            Err(_) => "the deadline",
        };
        tracing::warn!(target: "touka::server", connections = gone.sender_strong_count(), why, "connections are cut");
        handle.cut();
        Ok(())
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("serving", &self.shared).finish_non_exhaustive()
    }
}
