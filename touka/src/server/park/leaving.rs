//! How a [`Parked`] client goes: its connection closes, or is served again.

use std::sync::Arc;

use tokio::net::TcpStream;

use super::parked::Parked;
use crate::error::CloseReason;
use crate::server::shared::Shared;
use crate::server::state::again::{Again, Bare, Guard};
use crate::stream::{drop_guarded, guarded};

impl Parked {
    /// Drops the stream and closes the connection.
    pub(super) fn leave(self) {
        let (socket, guard, _, again) = self.end_stream();
        drop_guarded(again);
        // Closed before it does not count any more.
        drop(socket);
        drop(guard);
    }

    /// Drops the stream, and has the connection's next requests served.
    pub(super) fn go_back(self, shared: &Arc<Shared>) {
        let (socket, guard, sent, again) = self.end_stream();
        let connection = Bare { socket, guard, shared: Arc::clone(shared) };
        guarded("serving a connection again", || again.again(connection, sent.into()));
    }

    /// Everything of the stream goes, in the order in which a body's does. A panic in one part keeps
    /// none of the others from going.
    fn end_stream(self) -> (TcpStream, Guard, Vec<u8>, Box<dyn Again<Bare>>) {
        let Self { subscription, endings, lifecycle, span, body, entry, socket, sent, again, guard, .. } = self;
        let entered = guarded("entering a span", || span.enter());
        drop_guarded(subscription);
        if !endings.is_none_or(|endings| endings.let_go()) {
            lifecycle.link().close(CloseReason::Panicked);
        }
        drop_guarded(lifecycle);
        drop_guarded(body);
        drop(entry);
        drop_guarded(entered);
        drop_guarded(span);
        (socket, guard, sent, again)
    }
}
