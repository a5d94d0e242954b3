//! [`Again`], which returns a connection to hyper after its stream was served without hyper.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;
use tokio::net::TcpStream;

use crate::server::shared::Shared;

/// The guard that counts a connection among those of its server, until it is dropped.
pub(in crate::server) type Guard = Option<Box<dyn Any + Send>>;

/// Serves the next requests of a connection `C`, with the service that answered the earlier ones.
pub(in crate::server) trait Again<C>: Debug + Send {
    /// Spawns a task that serves the connection. `sent` holds the bytes that the client has sent of its next
    /// requests.
    fn again(self: Box<Self>, connection: C, sent: Bytes);
}

/// The connection of a parked client, reduced to what is needed to serve it again.
#[derive(Debug)]
pub(in crate::server) struct Bare {
    pub(in crate::server) socket: TcpStream,
    pub(in crate::server) guard: Guard,
    pub(in crate::server) shared: Arc<Shared>,
}
