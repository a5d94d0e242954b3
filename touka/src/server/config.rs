//! The limits of a server, for one client and in all.

use std::time::Duration;

/// The limits that a server applies to its clients. Every default is meant for the open internet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections, in all. With an idle stream over HTTP/1.1 each takes about 4 KB, so the default is about
    /// 200 MB. A connection that waits for its next request takes about 20 KB, for `idle_time` at most.
    pub(crate) connections: usize,
    /// Connections of one public address. A household or an office shares an address.
    pub(crate) connections_per_peer: usize,
    /// Requests in progress in all, including event streams.
    pub(crate) streams: usize,
    /// Requests in progress of one peer. One HTTP/2 connection may have a hundred.
    pub(crate) streams_per_peer: usize,
    /// Concurrent requests on one HTTP/2 connection. A browser shares one among all its tabs.
    pub(crate) streams_per_connection: u32,
    /// Size of a request's head, in bytes.
    pub(crate) head_bytes: usize,
    /// Time from the connection to a request's first byte, and from there to the end of its head.
    pub(crate) head_time: Duration,
    /// Time from the end of a response to the next request.
    pub(crate) idle_time: Duration,
    /// Size of a request's body, in bytes.
    pub(crate) body_bytes: usize,
    /// Longest pause between two reads of a request's body.
    pub(crate) body_time: Duration,
    /// Minimum rate of a request's body in bytes per second, as an average over `body_time`.
    pub(crate) body_rate: u32,
    /// Memory of request bodies of all connections, in bytes.
    pub(crate) body_memory: usize,
    /// Memory of request bodies of one peer, in bytes.
    pub(crate) body_memory_per_peer: usize,
    /// Memory of request bodies of one connection, in bytes.
    pub(crate) body_memory_per_connection: usize,
    /// Longest time for which writes to a client may be blocked.
    pub(crate) write_time: Duration,
    /// Longest life of an event stream, plus or minus a tenth.
    pub(crate) lifetime: Option<Duration>,
}

impl Limits {
    pub(crate) const DEFAULT: Self = Self {
        connections: 50_000,
        connections_per_peer: 256,
        streams: 50_000,
        streams_per_peer: 1_000,
        streams_per_connection: 100,
        head_bytes: 64 * 1024,
        head_time: Duration::from_secs(10),
        // Longer than proxies keep idle connections, 60 s, so that the proxy closes first: a proxy that sends a
        // request while the server closes answers its client with a 502.
        idle_time: Duration::from_secs(75),
        body_bytes: 2 * 1024 * 1024,
        body_time: Duration::from_secs(30),
        // Below the rate of a bad mobile network. A body of 2 MiB then takes 34 minutes at most.
        body_rate: 1024,
        body_memory: 256 * 1024 * 1024,
        // An eighth of all: the bodies of one peer must not keep out those of others.
        body_memory_per_peer: 32 * 1024 * 1024,
        // Eight bodies of the largest size, on the one connection that a browser has for all its tabs.
        body_memory_per_connection: 16 * 1024 * 1024,
        write_time: Duration::from_secs(30),
        lifetime: None,
    };
    /// Returns the budget of request bodies for a configured number of bytes: at least two bodies of the
    /// largest size, or a single body could fail because of the overhead of small frames.
    pub(super) fn of_bodies(&self, set: usize) -> usize {
        const MIN: usize = 64 * 1024;
        set.max(self.body_bytes.saturating_mul(2)).max(MIN)
    }
}

/// Which subscriptions a server parks: see [`Server::park`](crate::Server::park).
///
/// ```no_run
/// use touka::Server;
/// use touka::server::Park;
///
/// # async fn run(app: axum::Router) -> touka::Result<()> {
/// // The router is axum's, so the default parks none of its subscriptions.
/// Server::new().park(Park::Always).serve("127.0.0.1:3000", app).await
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Park {
    /// No subscription is parked: each is served like any other body.
    Never,
    /// Subscriptions that a [`Router`](crate::Router) answers with are parked, if the server serves that router
    /// itself and none of the router's layers replaces response bodies. A layer that does replaces the body as
    /// usual. If a handler itself wraps the stream's body, the wrapper is polled for the first bytes: if they
    /// come through unchanged, the connection is parked, and the wrapper sees no further bytes.
    #[default]
    Auto,
    /// Subscriptions of other services are parked too, for example of an `axum::Router` with layers, as long as
    /// the first bytes come through unchanged. A layer that looks at each frame of a body sees only the first;
    /// what the layer keeps for the life of the body is kept until the client leaves.
    Always,
}
