//! The end of a [`Client`]: its connection closes, or goes back to hyper.

use std::sync::Arc;

use tokio::net::TcpStream;

use super::client::Client;
use crate::error::CloseReason;
use crate::server::shared::Shared;
use crate::server::state::again::{Again, Bare, Guard};
use crate::stream::{drop_guarded, guarded};

impl Client {
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

    /// Drops all parts of the stream, in the order in which a body drops its own. A panic in one part does not keep
    /// the others from being dropped.
    fn end_stream(self) -> (TcpStream, Guard, Vec<u8>, Box<dyn Again<Bare>>) {
        let Self { subscription, endings, lifecycle, span, body, entry, socket, sent, again, guard, .. } = self;
        let entered = guarded("entering a span", || span.enter());
        drop_guarded(subscription);
        if !endings.is_none_or(|endings| endings.drop_user_code()) {
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
