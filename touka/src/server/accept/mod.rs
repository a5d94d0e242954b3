//! New connections: listeners, the kernel's backlog, the PROXY protocol.
//!
//! # Layout
//!
//! - `listen`: the addresses and sockets that a server listens on. `listener`: an open port. `unix`: Unix
//!   sockets.
//! - `acceptor`: accepts connections and spawns their tasks. `backlog`: connections in the kernel's queue at a
//!   shutdown.
//! - `proxy_protocol`: the header that names a client.
//! - `descriptors`: the process's limit of file descriptors.

pub(super) mod acceptor;
pub(super) mod backlog;
pub(super) mod descriptors;
pub(super) mod listen;
pub(super) mod listener;
pub(super) mod proxy_protocol;
#[cfg(unix)]
pub(super) mod unix;
