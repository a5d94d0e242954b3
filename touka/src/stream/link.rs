//! [`Link`], what a stream and whoever serves it know of each other.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::first_reason::FirstReason;
use crate::error::CloseReason;

/// What tells one frame from another: where it is in memory, and how long it is. Never 0.
pub(crate) fn mark(frame: &[u8]) -> usize {
    (frame.as_ptr().addr().rotate_left(16) ^ frame.len()).max(1)
}

/// Clones speak of the same stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Link(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    reason: FirstReason,
    /// The stream is gone: wakes those who wait for that.
    gone: Notify,
    is_gone: AtomicBool,
    /// The connection cannot take more bytes now.
    blocked: AtomicBool,
    /// The [`mark`] of the last frame of its response's body; 0 before there is one.
    given: AtomicUsize,
    /// The mark of the last frame that was written to the socket, or need not be; 0 where nobody says so.
    written: AtomicUsize,
    /// When its response's body was first asked for something.
    opened: OnceLock<Instant>,
    /// The path of the route that made it, as it is mounted.
    route: OnceLock<Arc<str>>,
    /// What the user calls it. Boxed twice: few streams have a label, and each has room for one.
    label: OnceLock<Box<Box<str>>>,
    // Written once a frame, by the one who has the stream; read by whoever is curious.
    events: AtomicU64,
    bytes: AtomicU64,
}

impl Link {
    /// Says why the stream ends. The first reason counts: what comes later is its consequence.
    pub(crate) fn close(&self, reason: CloseReason) {
        self.0.reason.give(reason);
    }

    /// Why the stream ended. Asked at its end: without a reason until then, the client has left.
    pub(super) fn reason(&self) -> CloseReason {
        self.0.reason.give(CloseReason::Disconnected)
    }

    /// Both speak of one stream.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Says whether the client takes what is written to it.
    pub(crate) fn set_blocked(&self, blocked: bool) {
        self.0.blocked.store(blocked, Ordering::Relaxed);
    }

    /// The client has not taken what was written last.
    pub(crate) fn is_blocked(&self) -> bool {
        self.0.blocked.load(Ordering::Relaxed)
    }

    /// Says which frame its response's body gives, and whether the body goes on though it was not written yet.
    pub(crate) fn set_given(&self, frame: &[u8], may_wait: bool) {
        let mark = mark(frame);
        self.0.written.store(if may_wait { mark } else { 0 }, Ordering::Relaxed);
        self.0.given.store(mark, Ordering::Relaxed);
    }

    /// The frame with this [`mark`] is the body's last one, and the body goes on though it was not written yet.
    /// Asked before it is written.
    pub(crate) fn may_wait(&self, mark: usize) -> bool {
        mark == self.0.given.load(Ordering::Relaxed) && self.is_written()
    }

    /// Whoever writes the response has written the frame with this [`mark`]. If that is not the body's last
    /// one, something stands between that may hold it back.
    pub(crate) fn set_written(&self, mark: usize) {
        self.0.written.store(mark, Ordering::Relaxed);
    }

    /// The last frame of the body was written: it need not be flushed.
    pub(crate) fn is_written(&self) -> bool {
        self.0.written.load(Ordering::Relaxed) == self.0.given.load(Ordering::Relaxed)
    }

    /// Says which route made it. A route inside another's fallback was there first.
    pub(crate) fn set_route(&self, path: &Arc<str>) {
        let _ = self.0.route.set(Arc::clone(path));
    }

    /// The route that made it, if one of touka's router did.
    pub(crate) fn route(&self) -> Option<&str> {
        self.0.route.get().map(|path| &**path)
    }

    /// Gives it a label, if it has none.
    pub(super) fn set_label(&self, label: Box<str>) {
        let _ = self.0.label.set(Box::new(label));
    }

    /// What the user calls it.
    pub(crate) fn label(&self) -> Option<&str> {
        self.0.label.get().map(|label| &***label)
    }

    pub(super) fn set_opened(&self) {
        let _ = self.0.opened.set(Instant::now());
    }

    /// How long it has been open; `None` if nobody has begun to read it.
    pub(crate) fn age(&self) -> Option<Duration> {
        self.0.opened.get().map(Instant::elapsed)
    }

    pub(super) fn add(&self, events: u32, bytes: usize) {
        self.0.events.fetch_add(events.into(), Ordering::Relaxed);
        self.0.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Events that were handed to the connection.
    pub(crate) fn events(&self) -> u64 {
        self.0.events.load(Ordering::Relaxed)
    }

    /// Bytes that were handed to the connection, comments and endings too.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn set_gone(&self) {
        self.0.is_gone.store(true, Ordering::Release);
        self.0.gone.notify_waiters();
    }

    /// Waits until the stream is gone, and tells why it went.
    pub(super) async fn gone(&self) -> CloseReason {
        let mut gone = pin!(self.0.gone.notified());
        // Registered before the look, so that an end between the two is not missed.
        gone.as_mut().enable();
        if self.is_open() {
            gone.await;
        }
        self.reason()
    }

    /// The stream is not gone yet.
    pub(crate) fn is_open(&self) -> bool {
        !self.0.is_gone.load(Ordering::Acquire)
    }
}
