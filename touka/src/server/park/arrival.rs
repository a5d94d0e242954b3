//! [`Arrival`], a connection on its way into a shard.

use std::time::Duration;

use axum_core::body::Body;
use bytes::Bytes;
use tokio::net::TcpStream;
use tracing::Span;

use super::endings::Endings;
use super::stream_parts::StreamParts;
use crate::server::open_streams::StreamEntry;
use crate::server::state::again::{Again, Bare, Guard};
use crate::server::stream::life::Life;
use crate::stream::{Lifecycle, Silence, drop_guarded};
use crate::topic::Subscription;

/// A connection that is to be parked, without its index in a shard.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) socket: TcpStream,
    /// The head and the first events of the response.
    pub(super) first: Bytes,
    /// The bytes that the client has sent since its request: the beginning of the next one.
    pub(super) sent: Vec<u8>,
    pub(super) subscription: Subscription,
    pub(super) lifecycle: Lifecycle,
    pub(super) endings: Option<Box<Endings>>,
    pub(super) silence: Silence,
    pub(super) whole_blocks: bool,
    pub(super) write_time: Duration,
    pub(super) life: Life,
    pub(super) entry: StreamEntry,
    pub(super) again: Box<dyn Again<Bare>>,
    pub(super) guard: Guard,
    pub(super) body: Body,
    pub(super) span: Span,
}

impl Arrival {
    /// Drops the stream and closes the connection.
    pub(super) fn leave(self) {
        let Self { socket, subscription, lifecycle, endings, entry, again, guard, body, span, .. } = self;
        StreamParts { subscription, endings, lifecycle, body, entry, span }.end();
        drop_guarded(again);
        // The guard counts the connection, so the socket is closed first.
        drop(socket);
        drop(guard);
    }
}
