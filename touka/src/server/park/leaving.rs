//! The end of a [`Parked`] client: its connection closes, or goes back to hyper.

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
        // The guard counts the connection, so the socket is closed first.
        drop(socket);
        drop(guard);
    }

    /// Drops the stream and serves the connection's next requests.
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
