//! [`Client`], a parked connection without its place in a shard.

use std::time::Duration;

use axum_core::body::Body;
use tokio::net::TcpStream;
use tracing::Span;

use super::endings::Endings;
use super::output::Output;
use crate::server::open_streams::StreamEntry;
use crate::server::state::again::{Again, Bare, Guard};
use crate::server::stream::life::Life;
use crate::stream::{Lifecycle, Silence};
use crate::topic::Subscription;

/// One client of one topic: a socket and a cursor. The inbox of a shard has the clients that are about to be parked.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) socket: TcpStream,
    pub(super) output: Output,
    /// The bytes that the client has sent since its request: the beginning of the next one.
    pub(super) sent: Vec<u8>,
    pub(super) subscription: Subscription,
    pub(super) lifecycle: Lifecycle,
    /// The ends of the stream other than its topic's end. `None` for most streams, and after the end.
    pub(super) endings: Option<Box<Endings>>,
    /// The time of the next keep-alive comment.
    pub(super) silence: Silence,
    /// Whether each comment ends with a blank line of its own.
    pub(super) whole_blocks: bool,
    /// The write timeout: how long the client may take nothing.
    pub(super) write_time: Duration,
    /// The time at which the server ends the stream, though its topic goes on.
    pub(super) life: Life,
    pub(super) entry: StreamEntry,
    /// Serves the connection again when the stream has ended.
    pub(super) again: Box<dyn Again<Bare>>,
    /// Counts the connection among those of the server.
    pub(super) guard: Guard,
    /// Empty by now, except for the wrappers of layers, which live as long as the client.
    pub(super) body: Body,
    pub(super) span: Span,
}
