//! [`Again`], how a connection whose stream was served outside of hyper goes back to it.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;
use tokio::net::TcpStream;

use super::serving::Serving;

/// What counts a connection among those of its server, until it is dropped.
pub(super) type Guard = Option<Box<dyn Any + Send>>;

/// A connection between two requests.
#[derive(Debug)]
pub(super) struct Returned {
    pub(super) socket: TcpStream,
    /// What the client has sent of its next requests.
    pub(super) sent: Bytes,
    pub(super) guard: Guard,
}

/// Serves a connection's next requests, with the service that answered the ones before.
pub(super) trait Again: Debug + Send {
    /// Starts a task that serves the connection.
    fn again(self: Box<Self>, returned: Returned, serving: &Arc<Serving>);
}
