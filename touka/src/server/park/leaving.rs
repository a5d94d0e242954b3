//! How a [`Parked`] client goes: its connection closes, or is served again.

use std::sync::Arc;

use tokio::net::TcpStream;

use super::parked::Parked;
use super::stream_parts::StreamParts;
use crate::server::shared::Shared;
use crate::server::state::again::{Again, Bare, Guard};
use crate::stream::{drop_guarded, guarded};

impl Parked {
    /// Drops the stream and closes the connection.
    pub(super) fn leave(self) {
        let (socket, guard, _, again) = self.end_stream();
        drop_guarded(again);
        // Closed before the connection is no longer counted.
        drop(socket);
        drop(guard);
    }

    /// Drops the stream, and has the connection's next requests served.
    pub(super) fn go_back(self, shared: &Arc<Shared>) {
        let (socket, guard, sent, again) = self.end_stream();
        let connection = Bare { socket, guard, shared: Arc::clone(shared) };
        guarded("serving a connection again", || again.again(connection, sent.into()));
    }

    fn end_stream(self) -> (TcpStream, Guard, Vec<u8>, Box<dyn Again<Bare>>) {
        let Self { subscription, endings, lifecycle, span, body, entry, socket, sent, again, guard, .. } = self;
        StreamParts { subscription, endings, lifecycle, body, entry, span }.end();
        (socket, guard, sent, again)
    }
}
