//! [`stream_span`], the span of a stream's log lines.

use std::net::SocketAddr;

use tracing::Span;

use crate::stream::Link;

/// Returns the span for everything that the body of a stream logs.
pub(in crate::server) fn stream_span(link: &Link, path: &str, peer: Option<SocketAddr>) -> Span {
    let (route, peer) = (link.route().unwrap_or(path), peer.map(tracing::field::display));
    tracing::info_span!(target: "touka::stream", "stream", route, peer)
}
