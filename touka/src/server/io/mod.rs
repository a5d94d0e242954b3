//! Bytes: sockets, TLS, timeouts of writes, and the bytes of HTTP/1.1 that hyper does not write.
//!
//! # Layout
//!
//! - `socket`: a TCP or a Unix socket. `stall`: the socket with its write timeout. `waiting`: the timeout itself.
//! - `tls`: certificates. `maybe_tls`: a socket with or without TLS.
//! - `sniff`: HTTP/1.1 or HTTP/2, by the first bytes.
//! - `transport`: the connection as hyper sees it.
//! - `chunk`, `head`: bytes of an HTTP/1.1 response.

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
pub(super) mod waiting;
