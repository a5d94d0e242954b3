//! [`Server`], which serves a service over the network.

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
/// `axum::Router`, or a service of your own.
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
/// The defaults are meant for the open internet.
///
/// | limit | default | when it is exceeded |
/// |---|---|---|
/// | [`max_connections`](Self::max_connections) | 50,000 | overload response, and the connection is closed |
/// | [`max_connections_per_peer`](Self::max_connections_per_peer) | 256 | overload response, and the connection is closed |
/// | [`max_streams`](Self::max_streams) | 50,000 | overload response; the connection stays open |
/// | [`max_streams_per_peer`](Self::max_streams_per_peer) | 1,000 | overload response; the connection stays open |
/// | [`max_streams_per_connection`](Self::max_streams_per_connection) | 100 | HTTP/2 has the client wait |
/// | [`max_head_size`](Self::max_head_size) | 64 KiB | 431 |
/// | [`head_timeout`](Self::head_timeout) | 10 s | 408, and the connection is closed |
/// | [`idle_timeout`](Self::idle_timeout) | 75 s | the connection is closed |
/// | [`max_body_size`](Self::max_body_size) | 2 MiB | 413 |
/// | [`body_timeout`](Self::body_timeout) | 30 s | the handler's read fails |
/// | [`min_body_rate`](Self::min_body_rate) | 1 KiB/s | the handler's read fails |
/// | [`max_body_memory`](Self::max_body_memory) | 256 MiB | 503 with `Retry-After` |
/// | [`max_body_memory_per_peer`](Self::max_body_memory_per_peer) | 32 MiB | 503 with `Retry-After` |
/// | [`max_body_memory_per_connection`](Self::max_body_memory_per_connection) | 16 MiB | 503 with `Retry-After` |
/// | [`write_timeout`](Self::write_timeout) | 30 s | the stream is closed: `Stalled` |
/// | [`max_lifetime`](Self::max_lifetime) | none | the stream is closed: `Expired` |
///
/// # Overload
/// A browser's `EventSource` gives up for good when the response is a 503, or lacks the CORS headers that its
/// page needs. The overload response therefore depends on the request: one that accepts `text/event-stream`
/// gets a 200 that sends a `retry:` of 5 to 15 s and ends; any other request gets a 503 with `Retry-After`. A
/// page of any origin may read either: they contain nothing of the service. A CORS preflight is answered with
/// the 503 and never allowed: only the service may allow it.
///
/// # Open files
/// Each connection takes a file descriptor, and most systems start a process with a limit of 1,024. The server
/// raises that limit as far as it may, and logs a warning if it stays below what `max_connections` needs.
#[must_use = "a server serves nothing until `serve` is awaited"]
pub struct Server {
    shutdown: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    pub(super) shared: Shared,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
}

impl Server {
    /// Creates a server with the defaults: it shuts down at ctrl-c or SIGTERM, within 10 s.
    pub fn new() -> Self {
        Self {
            shutdown: None,
            shared: Shared::new(),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Serves over TLS only.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Shuts down when this future is ready, instead of at ctrl-c or SIGTERM.
    pub fn shutdown_on(mut self, trigger: impl Future<Output = ()> + Send + 'static) -> Self {
        self.shutdown = Some(Box::pin(trigger));
        self
    }

    /// Sets how long a shutdown may take, 10 s by default. Connections that are still open then are cut.
    pub const fn shutdown_timeout(mut self, longest: Duration) -> Self {
        self.shared.shutdown_timeout = longest;
        self
    }

    /// Sets the time over which a shutdown spreads the ends of many streams, 5 s by default, so that their
    /// clients do not all reconnect to the successor at once. A few streams take less, 5 ms each, and never
    /// more than half of the shutdown timeout.
    pub const fn drain_window(mut self, longest: Duration) -> Self {
        self.shared.drain_window = longest;
        self
    }

    /// Sets the maximum number of connections, 50,000 by default. With an idle stream over HTTP/1.1 each takes
    /// about 4 KB of memory, or 1.5 KB when it is parked, and about 20 KB while it waits for its next request.
    /// Each takes one file descriptor.
    pub const fn max_connections(mut self, most: usize) -> Self {
        self.shared.limits.connections = most;
        self
    }

    /// Sets the maximum number of connections of one client, 256 by default. A client is one IPv4 address or
    /// one /64 network of IPv6. A /56 network has 4 times as many, and a /48 network 16 times: providers assign
    /// either to one customer.
    ///
    /// Loopback, private networks and Unix sockets are not counted, because a reverse proxy there connects for
    /// all of its clients. Name the proxies with [`trust_proxies`](Self::trust_proxies): then only the named
    /// proxies, wherever they are, are not counted.
    pub const fn max_connections_per_peer(mut self, most: usize) -> Self {
        self.shared.limits.connections_per_peer = most;
        self
    }

    /// Sets the maximum number of requests in progress, 50,000 by default. A request counts from the end of its
    /// head to the end of its response, which for an event stream is as long as it is open. A request over the
    /// limit gets the overload response, and its connection stays open.
    pub const fn max_streams(mut self, most: usize) -> Self {
        self.shared.limits.streams = most;
        self
    }

    /// Sets the maximum number of requests in progress of one client, 1,000 by default, over all its connections.
    /// Clients are told apart as for [`max_connections_per_peer`](Self::max_connections_per_peer), including
    /// clients behind [trusted proxies](Self::trust_proxies).
    pub const fn max_streams_per_peer(mut self, most: usize) -> Self {
        self.shared.limits.streams_per_peer = most;
        self
    }

    /// Sets the maximum number of requests in progress on one HTTP/2 connection, 100 by default. All tabs of a
    /// browser share one connection.
    pub const fn max_streams_per_connection(mut self, most: u32) -> Self {
        self.shared.limits.streams_per_connection = most;
        self
    }

    /// Sets the maximum size of a request's head in bytes, 64 KiB by default and at least 8 KiB. The same
    /// number limits how much of an HTTP/1.1 response is buffered for a client that does not read.
    pub const fn max_head_size(mut self, bytes: usize) -> Self {
        // hyper's minimum.
        self.shared.limits.head_bytes = if bytes < 8192 { 8192 } else { bytes };
        self
    }

    /// Sets how long a new connection may take to send its first byte, and the head of a request from its first
    /// byte to its last; 10 s by default. A TLS handshake may take as long.
    pub const fn head_timeout(mut self, longest: Duration) -> Self {
        self.shared.limits.head_time = longest;
        self
    }

    /// Sets how long a connection is kept between two requests, 75 s by default. That is longer than proxies
    /// keep theirs, so that the proxy closes the connection first. A proxy that sends a request while the
    /// server closes gets no response, and answers its client with a 502.
    ///
    /// A connection is not idle while a response is being sent, until its last byte has left.
    pub const fn idle_timeout(mut self, longest: Duration) -> Self {
        self.shared.limits.idle_time = longest;
        self
    }

    /// Sets the maximum size of a request's body in bytes, 2 MiB by default. A longer body is answered with
    /// 413; one without a declared length fails where it exceeds the limit.
    ///
    /// The server also reads the part of a body that a handler has left unread, up to the same size and within
    /// [`body_timeout`](Self::body_timeout): over HTTP/1.1, the end of the connection and the next request come
    /// only after the body. Past these limits the connection closes after the response.
    pub const fn max_body_size(mut self, bytes: usize) -> Self {
        self.shared.limits.body_bytes = bytes;
        self
    }

    /// Sets how long a handler may wait for the next bytes of a request's body, 30 s by default. Only waiting
    /// counts: a handler that reads slowly does not time out its client.
    pub const fn body_timeout(mut self, longest: Duration) -> Self {
        self.shared.limits.body_time = longest;
        self
    }

    /// Sets the minimum rate of a request's body in bytes per second, while a handler waits for it; 1,024 by
    /// default, and 0 turns the limit off. The rate is an average over [`body_timeout`](Self::body_timeout): a
    /// client may be slower for a while, or pause for that long. Without the limit, one byte within each
    /// `body_timeout` would keep a body open indefinitely.
    pub const fn min_body_rate(mut self, bytes_per_second: u32) -> Self {
        self.shared.limits.body_rate = bytes_per_second;
        self
    }

    /// Sets the maximum memory of all request bodies in bytes, 256 MiB by default; at least 64 KiB and twice
    /// [`max_body_size`](Self::max_body_size).
    ///
    /// The bytes that a handler has read of a body count until the body is dropped, and a small frame counts as
    /// 64 bytes more than its length. Bytes that HTTP/2 has received and no handler has read do not count: they
    /// are at most 256 KiB for each connection. When the memory is used up, a request with a body is answered
    /// with 503 and `Retry-After`. For a handler that is reading a body, the read fails; if the handler answers
    /// with an error, the client gets that 503 instead.
    pub const fn max_body_memory(mut self, bytes: usize) -> Self {
        self.shared.limits.body_memory = bytes;
        self
    }

    /// Sets the maximum memory of one client's request bodies in bytes, over all its connections, 32 MiB by
    /// default; at least 64 KiB and twice [`max_body_size`](Self::max_body_size). Bytes count as for
    /// [`max_body_memory`](Self::max_body_memory). The limit keeps one client from using all of that memory; a
    /// /56 or a /48 network gets up to half of it.
    ///
    /// Clients are told apart as for [`max_streams_per_peer`](Self::max_streams_per_peer).
    pub const fn max_body_memory_per_peer(mut self, bytes: usize) -> Self {
        self.shared.limits.body_memory_per_peer = bytes;
        self
    }

    /// Sets the maximum memory of one connection's request bodies in bytes, 16 MiB by default; at least 64 KiB
    /// and twice [`max_body_size`](Self::max_body_size). Bytes count as for
    /// [`max_body_memory`](Self::max_body_memory). If a trusted proxy has named the client of a request, that
    /// client's limit applies instead, since a proxy's clients may share a connection.
    pub const fn max_body_memory_per_connection(mut self, bytes: usize) -> Self {
        self.shared.limits.body_memory_per_connection = bytes;
        self
    }

    /// Sets how long writes to a client may be blocked, 30 s by default: over HTTP/1.1 the client takes no
    /// byte, over HTTP/2 no byte of the stream. A client that reads slowly but steadily is served. One stream
    /// can have a timeout of its own: [`EventStream::write_timeout`](crate::EventStream::write_timeout).
    pub const fn write_timeout(mut self, longest: Duration) -> Self {
        self.shared.limits.write_time = longest;
        self
    }

    /// Ends every event stream after this time, plus or minus a tenth; unlimited by default. A stream can have
    /// a shorter lifetime: [`EventStream::max_lifetime`](crate::EventStream::max_lifetime).
    pub const fn max_lifetime(mut self, longest: Duration) -> Self {
        self.shared.limits.lifetime = Some(longest);
        self
    }

    /// Sets which subscriptions are parked, [`Park::Auto`] by default. A response that is only a subscription
    /// of a topic, over HTTP/1.1 in cleartext, then takes about 1.5 KB instead of 16, and no task. The bytes on
    /// the wire are the same, and so is all that logs and metrics report of the stream.
    pub const fn park(mut self, park: Park) -> Self {
        self.shared.park = park;
        self
    }

    /// Returns the server's controls: the open streams and the shutdown.
    pub fn handle(&self) -> Handle {
        self.shared.handle.clone()
    }

    /// Serves until a shutdown is requested, then shuts down gracefully.
    ///
    /// At a shutdown the server takes the connections that the kernel has already accepted, and no more. Each
    /// event stream ends after its current event, with a `retry:` of its own; other requests are finished.
    /// `serve` returns within the shutdown timeout, whatever clients and handlers do. A client that has just
    /// connected has a second for its request, and for each further part of it. HTTP/1.1 responses carry
    /// `connection: close`, and HTTP/2 clients get a GOAWAY. A second signal cuts all connections at once.
    ///
    /// # Errors
    /// The address cannot be bound, or the signal handlers cannot be installed. No client can make `serve`
    /// fail.
    ///
    /// # Cancellation
    /// Dropping the future stops accepting; open connections go on until they end.
    pub async fn serve<A: App<Kind>, Kind>(self, address: impl IntoListener, app: A) -> Result<()> {
        let service = app.into_service();
        let mut trigger = match self.shutdown {
            Some(trigger) => Shutdown::On(trigger),
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
        // Nothing is ever sent: each connection holds a sender, so the channel closes when the last connection
        // is gone.
        let (alive, mut gone) = mpsc::channel::<Infallible>(1);
        // The shutdown has priority: the port closes even if clients are waiting to be accepted.
        let requested = race(trigger.requested(), handle.shutdown.cancelled());
        race(requested, port.accept(&listener, service.clone(), &alive)).await;
        handle.begin_shutdown();
        port.close(listener, &service, &alive);
        drop(alive);
        let left = gone.sender_strong_count();
        tracing::info!(target: "touka::server", connections = left, streams = handle.count(), "shutting down");
        let second = race(trigger.requested_again(), handle.cut.cancelled());
        let why = match timeout(port.shared.shutdown_timeout, race(gone.recv(), second)).await {
            Ok(First::Left(_)) => return Ok(()),
            Ok(First::Right(_)) => "a second shutdown request",
            Err(_) => "the shutdown timeout",
        };
        let left = gone.sender_strong_count();
        tracing::warn!(target: "touka::server", connections = left, why, "cutting the remaining connections");
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
