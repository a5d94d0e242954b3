//! [`Call`], one request that is under way.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

use super::client::Client;
use super::client_header::{ClientHeader, Malformed};
use super::counts::Permit;
use crate::stream::Link;

/// One request, from when it reaches the service to the end of its response.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) client: Arc<Client>,
    /// Who asks: the connection's peer, until a trusted proxy has said otherwise. `None` is a Unix socket.
    pub(super) peer: Option<SocketAddr>,
    link: Option<Link>,
    upgraded: bool,
    /// Its place among the requests under way. Last, so that it is given back when all else is gone.
    permit: Option<Permit>,
}

impl Call {
    /// A request is about to reach the service. It counts as under way until what is returned is
    /// dropped.
    pub(super) fn begin(client: &Arc<Client>) -> Self {
        client.called();
        Self { client: Arc::clone(client), peer: client.peer, link: None, upgraded: false, permit: None }
    }

    /// Finds out who asks, from what trusted proxies have written into the request's head.
    pub(super) fn name_peer(&mut self, headers: &HeaderMap) -> Result<(), (ClientHeader, Malformed)> {
        if self.client.is_unnamed() {
            return Ok(());
        }
        self.peer = self.client.serving.proxies.client(self.client.peer, headers)?;
        Ok(())
    }

    /// Takes a place among the requests under way. False if there are too many, in all or of this peer.
    pub(super) fn admit(&mut self) -> bool {
        let serving = &self.client.serving;
        self.permit = serving.admission.request(serving.proxies.peer(self.peer), &serving.limits);
        self.permit.is_some()
    }

    /// Takes the place out, for a stream that goes on when this request is gone.
    pub(super) const fn take_permit(&mut self) -> Option<Permit> {
        self.permit.take()
    }

    /// The response is this stream.
    pub(super) fn writes(&mut self, link: &Link, write_time: Duration) {
        self.client.writing.add(link, write_time);
        self.link = Some(link.clone());
    }

    /// Over HTTP/1.1 the connection is not HTTP any more once the response has ended, and none of our
    /// business. Over HTTP/2 one stream becomes a tunnel, and the connection stays what it is.
    pub(super) fn upgrades(&mut self) {
        if self.client.speaks_http2() {
            return;
        }
        self.upgraded = true;
        self.client.set_upgraded();
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(link) = &self.link {
            self.client.writing.remove(link);
        }
        if !self.upgraded {
            self.client.finished();
        }
    }
}

/// Keeps a connection from being idle until it is dropped.
#[cfg(feature = "http2")]
#[derive(Debug)]
pub(super) struct Busy(Arc<Client>);

#[cfg(feature = "http2")]
impl Busy {
    pub(super) fn begin(client: &Arc<Client>) -> Self {
        client.begun();
        Self(Arc::clone(client))
    }
}

#[cfg(feature = "http2")]
impl Drop for Busy {
    fn drop(&mut self) {
        self.0.finished();
    }
}
