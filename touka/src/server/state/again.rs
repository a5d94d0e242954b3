//! [`Again`], how a connection whose stream was served outside of hyper goes back to it.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;
use tokio::net::TcpStream;

use crate::server::shared::Shared;

/// What counts a connection among those of its server, until it is dropped.
pub(in crate::server) type Guard = Option<Box<dyn Any + Send>>;

/// Serves the next requests of a connection `C`, with the service that answered the ones before.
pub(in crate::server) trait Again<C>: Debug + Send {
    /// Starts a task that serves the connection. `sent` is what the client has sent of its next requests.
    fn again(self: Box<Self>, connection: C, sent: Bytes);
}

/// The connection of a parked client, which has kept as little as it could.
#[derive(Debug)]
pub(in crate::server) struct Bare {
    pub(in crate::server) socket: TcpStream,
    pub(in crate::server) guard: Guard,
    pub(in crate::server) shared: Arc<Shared>,
}
