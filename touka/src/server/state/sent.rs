//! [`Sent`], the unsent bytes of one HTTP/2 response.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
#[cfg(feature = "http2")]
use std::time::Duration;

use tokio::time::Instant;

use super::connection_state::ConnectionState;

/// Counts the bytes of one response that h2 holds and has not written.
///
/// A writable socket says nothing about one HTTP/2 stream: the client can withhold the window of that stream
/// alone, and h2 then keeps the bytes. Only the buffers themselves show progress, when they are advanced.
#[derive(Debug)]
pub(in crate::server) struct Sent {
    conn: Arc<ConnectionState>,
    waiting: AtomicUsize,
    began: Instant,
    /// Milliseconds from `began` to the last byte written, or to the first byte queued after none was.
    moved: AtomicU64,
}

impl Sent {
    pub(in crate::server) fn new(conn: &Arc<ConnectionState>) -> Arc<Self> {
        Arc::new(Self {
            conn: Arc::clone(conn),
            waiting: AtomicUsize::new(0),
            began: Instant::now(),
            moved: AtomicU64::new(0),
        })
    }

    /// Adds bytes that were handed to h2.
    pub(in crate::server) fn add(&self, bytes: usize) {
        self.conn.add_leaving(bytes);
        if self.waiting.fetch_add(bytes, Ordering::AcqRel) == 0 {
            self.touch();
        }
    }

    /// Removes bytes that were written.
    pub(in crate::server) fn remove_written(&self, bytes: usize) {
        self.remove(bytes);
        self.touch();
    }

    /// Removes bytes that will not be written: their stream was reset, or their connection closed.
    pub(in crate::server) fn remove(&self, bytes: usize) {
        self.waiting.fetch_sub(bytes, Ordering::AcqRel);
        self.conn.sub_leaving(bytes);
    }

    /// Returns since when the client has taken no byte of this response.
    ///
    /// While the socket itself is blocked, no single stream is the cause: the time starts again when the socket
    /// becomes writable.
    #[cfg(feature = "http2")]
    pub(in crate::server) fn stalled_since(&self) -> Instant {
        let moved = self.began + Duration::from_millis(self.moved.load(Ordering::Relaxed));
        moved.max(self.conn.writable_since())
    }

    fn touch(&self) {
        let elapsed = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved.store(elapsed, Ordering::Relaxed);
    }
}
