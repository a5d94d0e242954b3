//! The client that a connection or a request counts for.
//!
//! A peer is an address, or the network of an IPv6 address. Behind a trusted reverse proxy, the peer is the
//! client that the proxy names.

pub(super) mod client_header;
pub(super) mod peer;
pub(super) mod proxies;
pub(super) mod trusted_proxy;
