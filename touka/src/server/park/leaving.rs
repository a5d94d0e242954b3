//! How a [`Parked`] client goes: its connection closes, or is served again.

use std::sync::Arc;

use super::super::again::{Again, Returned};
use super::super::serving::Serving;
use super::caught::caught;
use super::parked::Parked;
use crate::error::CloseReason;

impl Parked {
    /// Drops the stream and closes the connection.
    pub(super) fn leave(self) {
        let (again, returned) = self.end_stream();
        let _ = caught(|| drop(again));
        let Returned { socket, guard, .. } = returned;
        // Closed before it does not count any more.
        drop(socket);
        drop(guard);
    }

    /// Drops the stream, and has the connection's next requests served.
    pub(super) fn go_back(self, serving: &Arc<Serving>) {
        let (again, returned) = self.end_stream();
        let _ = caught(|| again.again(returned, serving));
    }

    /// Everything of the stream goes, in the order in which a body's does. A panic in one part keeps
    /// none of the others from going.
    fn end_stream(self) -> (Box<dyn Again>, Returned) {
        let Self { subscription, endings, lifecycle, span, body, entry, socket, sent, again, guard, .. } = self;
        let entered = caught(|| span.enter());
        let _ = caught(|| drop(subscription));
        if !endings.is_none_or(|endings| endings.let_go()) {
            lifecycle.link().close(CloseReason::Panicked);
        }
        let _ = caught(|| drop(lifecycle));
        let _ = caught(|| drop(body));
        drop(entry);
        let _ = caught(|| drop(entered));
        let _ = caught(|| drop(span));
        (again, Returned { socket, sent: sent.into(), guard })
    }
}
