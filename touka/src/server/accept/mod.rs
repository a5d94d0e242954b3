//! Which connections come in: listeners, the kernel's backlog, the PROXY protocol.
//!
//! # Layout
//!
//! - `listen`: what can be listened on. `listener`: an open port. `unix`: Unix sockets.
//! - `acceptor`: accepts connections and spawns their tasks. `backlog`: connections that wait at a shutdown.
//! - `proxy_protocol`: the header that names a client.
//! - `descriptors`: how many sockets the process may open.

pub(super) mod acceptor;
pub(super) mod backlog;
pub(super) mod descriptors;
pub(super) mod listen;
pub(super) mod listener;
pub(super) mod proxy_protocol;
#[cfg(unix)]
pub(super) mod unix;
