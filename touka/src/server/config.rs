//! How much a client, and all of them together, may ask of a server.

use std::time::Duration;

/// What a server takes of its clients. Every default is meant for the open internet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections, in all. With an idle stream over HTTP/1.1 each takes about 4 KB, so this is about 200 MB. One
    /// that waits for its next request takes about 20 KB, for `idle_time` at most.
    pub(crate) connections: usize,
    /// Connections of one public address. A household or an office shares one.
    pub(crate) connections_per_peer: usize,
    /// Requests under way in all, event streams among them.
    pub(crate) streams: usize,
    /// Requests under way of one peer. Over HTTP/2 a connection has a hundred.
    pub(crate) streams_per_peer: usize,
    /// Requests that run at once on one HTTP/2 connection. A browser has all its tabs on one.
    pub(crate) streams_per_connection: u32,
    /// Bytes of a request's head.
    pub(crate) head_bytes: usize,
    /// From the connection to a request's first byte, and from there to the end of its head.
    pub(crate) head_time: Duration,
    /// From the end of a response to the next request.
    pub(crate) idle_time: Duration,
    /// Bytes of a request's body.
    pub(crate) body_bytes: usize,
    /// How long a request's body may stand still.
    pub(crate) body_time: Duration,
    /// Bytes a second that a request's body must come with, on average over `body_time`.
    pub(crate) body_rate: u32,
    /// Bytes of request bodies in memory, of all connections.
    pub(crate) body_memory: usize,
    /// Bytes of request bodies in memory, of one peer.
    pub(crate) body_memory_per_peer: usize,
    /// Bytes of request bodies in memory, of one connection.
    pub(crate) body_memory_per_connection: usize,
    /// How long a client may take nothing of what is sent to it.
    pub(crate) write_time: Duration,
    /// How long an event stream may last, give or take a tenth.
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
        // Longer than what proxies allow their idle connections, 60 s, so that it is the proxy who
        // closes one: a request that is sent while we close is answered with a 502.
        idle_time: Duration::from_secs(75),
        body_bytes: 2 * 1024 * 1024,
        body_time: Duration::from_secs(30),
        // Less than a bad mobile network has. A body of 2 MiB then takes 34 minutes at most.
        body_rate: 1024,
        body_memory: 256 * 1024 * 1024,
        // An eighth: the bodies of one peer must not keep out those of all others.
        body_memory_per_peer: 32 * 1024 * 1024,
        // Eight bodies of the largest size, on the one connection that a browser has for all its tabs.
        body_memory_per_connection: 16 * 1024 * 1024,
        write_time: Duration::from_secs(30),
        lifetime: None,
    };
    /// A budget of request bodies: no less than two of the largest size take, or a single one could fail
    /// for the cost of its small frames.
    pub(super) fn of_bodies(&self, set: usize) -> usize {
        const LEAST: usize = 64 * 1024;
        set.max(self.body_bytes.saturating_mul(2)).max(LEAST)
    }
}

/// Which subscriptions a server parks: see [`Server::park`](crate::Server::park).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Park {
    /// None: each is served like any other body.
    Never,
    /// Those that a [`Router`](crate::Router) answers with which the server was started, if no layer
    /// of it has another body in its responses. What such a layer does to a body, it does. What a
    /// handler itself puts around the stream's body is asked for the first bytes: if they come through
    /// unchanged, the connection is parked, and it sees no others.
    #[default]
    Auto,
    /// Also those of other services, an `axum::Router` with its layers say, as long as the first
    /// bytes come through unchanged. A layer that looks at each frame of a body sees the first only;
    /// what it keeps for the time of the body, it keeps as long as the client stays.
    Always,
}
