//! [`PhaseCell`], the phase that a connection is in.

use std::sync::atomic::{AtomicU8, Ordering};

/// The phase of a connection. Every connection begins as [`Http1`](Self::Http1) and leaves it at most once: the other
/// phases are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(in crate::server) enum ConnectionPhase {
    /// The connection speaks HTTP/1.1, or has not sent enough to tell.
    Http1,
    /// The connection speaks HTTP/2.
    #[cfg(feature = "http2")]
    Http2,
    /// The head of an HTTP/1.1 request timed out. The connection serves no further request.
    HeadTimedOut,
    /// The connection is no longer HTTP, or will not be once its last response has ended.
    Upgraded,
}

/// A connection's phase, which its socket and its requests share.
#[derive(Debug)]
pub(in crate::server) struct PhaseCell(AtomicU8);

impl PhaseCell {
    pub(in crate::server) const fn new() -> Self {
        Self(AtomicU8::new(ConnectionPhase::Http1 as u8))
    }

    /// Returns whether the connection is in this phase.
    pub(in crate::server) fn is(&self, phase: ConnectionPhase) -> bool {
        self.0.load(Ordering::Relaxed) == phase as u8
    }

    /// Enters a final phase. Without effect if the connection is in one already.
    pub(in crate::server) fn enter(&self, phase: ConnectionPhase) {
        let first = ConnectionPhase::Http1 as u8;
        // The phase guards no other memory, so it needs no ordering.
        let _ = self.0.compare_exchange(first, phase as u8, Ordering::Relaxed, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_final_phase_is_never_left() {
        for last in [ConnectionPhase::HeadTimedOut, ConnectionPhase::Upgraded] {
            let cell = PhaseCell::new();
            assert!(cell.is(ConnectionPhase::Http1));
            cell.enter(last);
            for other in [ConnectionPhase::Http1, ConnectionPhase::HeadTimedOut, ConnectionPhase::Upgraded] {
                cell.enter(other);
                assert_eq!(cell.is(other), other == last);
            }
        }
    }
}
