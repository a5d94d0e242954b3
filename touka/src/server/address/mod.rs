//! Which client a connection or a request counts for.
//!
//! A peer is an address, or the network that an IPv6 address belongs to. Behind a reverse proxy that the operator
//! trusts, the peer is the client that the proxy names.

pub(super) mod client_header;
pub(super) mod peer;
pub(super) mod proxies;
pub(super) mod trusted_proxy;
