//! [`Park`], which connections are parked.

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
