//! [`Call`], one request that is under way.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

use super::connection_state::ConnectionState;
use crate::server::address::client_header::{ClientHeader, Malformed};
use crate::server::limits::counts::Permit;
use crate::stream::Link;

/// One request, from when it reaches the service to the end of its response.
#[derive(Debug)]
pub(in crate::server) struct Call {
    pub(in crate::server) conn: Arc<ConnectionState>,
    /// Who asks: the connection's peer, until a trusted proxy has said otherwise. `None` is a Unix socket.
    pub(in crate::server) peer: Option<SocketAddr>,
    link: Option<Link>,
    upgraded: bool,
    /// Its place among the requests under way. Last, so that it is given back when all else is gone.
    permit: Option<Permit>,
}

impl Call {
    /// A request is about to reach the service. It counts as under way until what is returned is
    /// dropped.
    pub(in crate::server) fn begin(conn: &Arc<ConnectionState>) -> Self {
        conn.called();
        Self { conn: Arc::clone(conn), peer: conn.peer, link: None, upgraded: false, permit: None }
    }

    /// Finds out who asks, from what trusted proxies have written into the request's head.
    pub(in crate::server) fn name_peer(&mut self, headers: &HeaderMap) -> Result<(), (ClientHeader, Malformed)> {
        if self.conn.is_unnamed() {
            return Ok(());
        }
        self.peer = self.conn.shared.proxies.client(self.conn.peer, headers)?;
        Ok(())
    }

    /// Takes a place among the requests under way. False if there are too many, in all or of this peer.
    pub(in crate::server) fn admit(&mut self) -> bool {
        let shared = &self.conn.shared;
        self.permit = shared.admission.request(shared.proxies.peer(self.peer), &shared.limits);
        self.permit.is_some()
    }

    /// Takes the place out, for a stream that goes on when this request is gone.
    pub(in crate::server) const fn take_permit(&mut self) -> Option<Permit> {
        self.permit.take()
    }

    /// The response is this stream.
    pub(in crate::server) fn writes(&mut self, link: &Link, write_time: Duration) {
        self.conn.writing.add(link, write_time);
        self.link = Some(link.clone());
    }

    /// Over HTTP/1.1 the connection is not HTTP any more once the response has ended, and none of our
    /// business. Over HTTP/2 one stream becomes a tunnel, and the connection stays what it is.
    pub(in crate::server) fn upgrades(&mut self) {
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

/// Keeps a connection from being idle until it is dropped.
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
