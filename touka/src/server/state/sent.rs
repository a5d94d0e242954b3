//! [`Sent`], how much of one HTTP/2 response is on its way to the socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
#[cfg(feature = "http2")]
use std::time::Duration;

use tokio::time::Instant;

use super::connection_state::ConnectionState;

/// Counts the bytes of one response that HTTP/2 was given and has not written.
///
/// A socket that takes bytes says nothing of one HTTP/2 stream: the client can refuse to take that
/// one alone, and h2 keeps what it was given until then. Only the buffers themselves tell, when they
/// are advanced.
#[derive(Debug)]
pub(in crate::server) struct Sent {
    conn: Arc<ConnectionState>,
    waiting: AtomicUsize,
    began: Instant,
    /// Milliseconds from `began` to the last byte that left, or to the first that had to wait.
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

    /// Adds bytes that HTTP/2 was given.
    pub(in crate::server) fn given(&self, bytes: usize) {
        self.conn.add_leaving(bytes);
        if self.waiting.fetch_add(bytes, Ordering::AcqRel) == 0 {
            self.touch();
        }
    }

    /// Takes off bytes that were written.
    pub(in crate::server) fn left(&self, bytes: usize) {
        self.forgotten(bytes);
        self.touch();
    }

    /// Takes off bytes that will not be written: their stream was reset, or their connection closed.
    pub(in crate::server) fn forgotten(&self, bytes: usize) {
        self.waiting.fetch_sub(bytes, Ordering::AcqRel);
        self.conn.sub_leaving(bytes);
    }

    /// Since when the client has taken nothing of this response.
    ///
    /// While the socket itself is blocked, no stream of it is to blame: the time begins anew when
    /// the socket takes bytes again.
    #[cfg(feature = "http2")]
    pub(in crate::server) fn still_since(&self) -> Instant {
        let moved = self.began + Duration::from_millis(self.moved.load(Ordering::Relaxed));
        moved.max(self.conn.writable_since())
    }

    fn touch(&self) {
        let elapsed = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved.store(elapsed, Ordering::Relaxed);
    }
}
