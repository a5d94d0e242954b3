//! [`Lot`], the shards of a server, in which connections are parked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::runtime::Handle;

use super::inbox::Inbox;
use super::offer::Offer;
use super::run::run;
use crate::server::shared::Shared;
use crate::server::state::again::{Again, Bare};

/// The shards of a server: half as many as the runtime has threads. Each writes to a hundred thousand clients
/// per second; the other threads are left for publishers and all other work. The task of a shard runs while the
/// shard has connections.
#[derive(Debug, Default)]
pub(in crate::server) struct Lot {
    shards: OnceLock<Vec<Arc<Inbox>>>,
    next: AtomicUsize,
}

impl Lot {
    /// Gives a connection to one of the shards.
    pub(in crate::server) fn park(
        &self,
        offer: Offer,
        socket: TcpStream,
        sent: Bytes,
        again: Box<dyn Again<Bare>>,
        shared: &Arc<Shared>,
    ) {
        let shards = self.shards.get_or_init(|| {
            let threads = Handle::current().metrics().num_workers();
            (0..(threads / 2).max(1)).map(|_| Arc::default()).collect()
        });
        // Round-robin: the loads of the shards differ by one, apart from clients that have left.
        let Some(inbox) = shards.get(self.next.fetch_add(1, Ordering::Relaxed) % shards.len()) else { return };
        if inbox.push(offer.into_client(socket, sent, again)) {
            tokio::spawn(run(Arc::clone(inbox), Arc::clone(shared)));
        }
    }
}
