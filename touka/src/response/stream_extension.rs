//! [`StreamExtension`], what the response of a stream tells the server.

use std::any::TypeId;
use std::time::Duration;

use http::Extensions;

use super::subscribed::Ticket;
use crate::stream::Link;

/// The extension of an [`EventStream`](crate::EventStream)'s response. The server reads it, and so do the layers of this
/// crate in between.
///
/// Two more extensions concern streams and are types of their own, because responses of other libraries have them as
/// well: the [`MatchedPath`](crate::extract::MatchedPath), which a router adds to every response, and the servers that
/// watch a stream.
#[derive(Clone, Debug)]
pub(crate) struct StreamExtension {
    /// Shared with the stream: the server records in it when the client is blocked, and why it ended the stream.
    pub(crate) link: Link,
    /// The longest time for which the client may take no bytes; the server's default for `None`.
    pub(crate) write_timeout: Option<Duration>,
    /// Whether comments and `retry` lines each end with a blank line, as [`EventStream::whole_blocks`] says.
    ///
    /// [`EventStream::whole_blocks`]: crate::EventStream::whole_blocks
    pub(crate) whole_blocks: bool,
    /// By which the server takes the subscription out of the body. `None` for other streams, and once a layer has
    /// wrapped the body.
    pub(super) ticket: Option<Ticket>,
}

impl StreamExtension {
    /// The extension, if the response is that of an `EventStream`.
    pub(crate) fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// The link to the stream, if the response is that of an `EventStream`.
    pub(crate) fn link_of(extensions: &Extensions) -> Option<&Link> {
        Self::of(extensions).map(|stream| &stream.link)
    }

    /// Removes the ticket, for a caller that wraps the body: the server must not take the subscription out of it.
    pub(crate) fn take_ticket(extensions: &mut Extensions) -> Option<Ticket> {
        extensions.get_mut::<Self>()?.ticket.take()
    }

    /// Records that a service of this type leaves the bodies of responses as they are.
    pub(crate) fn vouch(extensions: &mut Extensions, service: TypeId) {
        if let Some(ticket) = extensions.get_mut::<Self>().and_then(|stream| stream.ticket.as_mut()) {
            ticket.vouch(service);
        }
    }
}
