//! The runtime: sockets, connections, shutdown.

mod connection;
mod drain;
mod explain;
mod listener;
#[expect(clippy::module_inception, reason = "the folder holds what surrounds a server, the file the server")]
mod server;
mod shutdown;
mod transport;

pub use listener::{Listen, Listener};
pub use server::{Server, serve};

#[cfg(feature = "testing")]
pub(crate) use connection::{Serve, serve as serve_connection};
#[cfg(feature = "testing")]
pub(crate) use server::SHUTDOWN_TIMEOUT;
