//! [`Call`], one request in progress.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

use super::connection_state::ConnectionState;
use crate::server::address::client_header::{ClientHeader, Malformed};
use crate::server::limits::counts::Permit;
use crate::stream::Link;

/// One request, from when it is passed to the service to the end of its response.
#[derive(Debug)]
pub(in crate::server) struct Call {
    pub(in crate::server) conn: Arc<ConnectionState>,
    /// The client: the connection's peer, unless a trusted proxy names another. `None` stands for a Unix
    /// socket.
    pub(in crate::server) peer: Option<SocketAddr>,
    link: Option<Link>,
    upgraded: bool,
    /// The permit among the requests in progress. Declared last, so that it is released after all other fields
    /// are dropped.
    permit: Option<Permit>,
}

impl Call {
    /// Begins a request that is about to be passed to the service. It counts as in progress until the returned
    /// value is dropped.
    pub(in crate::server) fn begin(conn: &Arc<ConnectionState>) -> Self {
        conn.called();
        Self { conn: Arc::clone(conn), peer: conn.peer, link: None, upgraded: false, permit: None }
    }

    /// Sets the client, as named by trusted proxies in the request's head.
    pub(in crate::server) fn resolve_peer(&mut self, headers: &HeaderMap) -> Result<(), (ClientHeader, Malformed)> {
        if self.conn.is_unnamed() {
            return Ok(());
        }
        self.peer = self.conn.shared.proxies.client(self.conn.peer, headers)?;
        Ok(())
    }

    /// Acquires a permit among the requests in progress. False if a limit is reached, in all or of this peer.
    pub(in crate::server) fn admit(&mut self) -> bool {
        let shared = &self.conn.shared;
        self.permit = shared.admission.request(shared.proxies.peer(self.peer), &shared.limits);
        self.permit.is_some()
    }

    /// Takes the permit, for a stream that outlives this request.
    pub(in crate::server) const fn take_permit(&mut self) -> Option<Permit> {
        self.permit.take()
    }

    /// Registers the stream that is the response.
    pub(in crate::server) fn register_stream(&mut self, link: &Link, write_time: Duration) {
        self.conn.writing.add(link, write_time);
        self.link = Some(link.clone());
    }

    /// Marks the request as an upgrade. Over HTTP/1.1 the connection is no longer HTTP once the response has
    /// ended, and the server stops tracking it. Over HTTP/2 only one stream becomes a tunnel.
    pub(in crate::server) fn set_upgraded(&mut self) {
        if self.conn.speaks_http2() {
            return;
        }
        self.upgraded = true;
        self.conn.set_upgraded();
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(link) = &self.link {
            self.conn.writing.remove(link);
        }
        if !self.upgraded {
            self.conn.finished();
        }
    }
}

/// A guard that keeps a connection from being idle until it is dropped.
#[cfg(feature = "http2")]
#[derive(Debug)]
pub(in crate::server) struct Busy(Arc<ConnectionState>);

#[cfg(feature = "http2")]
impl Busy {
    pub(in crate::server) fn begin(conn: &Arc<ConnectionState>) -> Self {
        conn.begun();
        Self(Arc::clone(conn))
    }
}

#[cfg(feature = "http2")]
impl Drop for Busy {
    fn drop(&mut self) {
        self.0.finished();
    }
}
