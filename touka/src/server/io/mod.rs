//! Input and output: sockets, TLS, write timeouts, and the bytes of HTTP/1.1 that hyper does not write.
//!
//! # Layout
//!
//! - `socket`: a TCP or a Unix socket. `stall`: the socket with its write timeout. `write_timer`: the timeout itself.
//! - `tls`: certificates. `maybe_tls`: a socket with or without TLS.
//! - `sniff`: tells HTTP/1.1 from HTTP/2 by the first bytes.
//! - `transport`: the connection as hyper sees it.
//! - `chunk`, `head`: encoding of HTTP/1.1 responses.

pub(super) mod chunk;
pub(super) mod head;
pub(super) mod maybe_tls;
#[cfg(feature = "http2")]
pub(super) mod sniff;
pub(super) mod socket;
pub(super) mod stall;
#[cfg(feature = "tls")]
pub(super) mod tls;
pub(super) mod transport;
pub(super) mod write_timer;
