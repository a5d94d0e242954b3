//! [`Link`], the state that a stream shares with the code that serves it.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::first_reason::FirstReason;
use crate::error::CloseReason;

/// Identifies a frame by its address and length. Never 0.
pub(crate) fn frame_id(frame: &[u8]) -> usize {
    (frame.as_ptr().addr().rotate_left(16) ^ frame.len()).max(1)
}

/// The shared state of one stream. The stream itself, its senders, the response's extensions and the server
/// each hold a clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Link(Arc<LinkState>);

#[derive(Debug, Default)]
struct LinkState {
    reason: FirstReason,
    /// Notified when the stream has ended.
    ended: Notify,
    is_ended: AtomicBool,
    /// Whether writes to the client are blocked.
    blocked: AtomicBool,
    /// The [`frame_id`] of the last frame that the response's body has returned; 0 before the first one.
    returned: AtomicUsize,
    /// The id of the last frame that was written to the socket, or need not be; 0 if no such frame is
    /// known.
    written: AtomicUsize,
    /// When the response's body was first polled.
    opened: OnceLock<Instant>,
    /// The path of the route that created the stream, as it is mounted.
    route: OnceLock<Arc<str>>,
    /// The user's label. Boxed twice: few streams have a label, and a single box would take 8 bytes more in
    /// each.
    label: OnceLock<Box<Box<str>>>,
    // Updated once a frame by the owner of the stream, and read by others.
    events: AtomicU64,
    bytes: AtomicU64,
}

impl Link {
    /// Sets the reason why the stream ends. The first reason counts: later ones are its consequences.
    pub(crate) fn close(&self, reason: CloseReason) {
        self.0.reason.get_or_set(reason);
    }

    /// Returns why the stream has ended. Called at its end: without a reason until then, the client has left.
    pub(super) fn reason(&self) -> CloseReason {
        self.0.reason.get_or_set(CloseReason::Disconnected)
    }

    /// Whether both belong to the same stream.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Records whether writes to the client are blocked.
    pub(crate) fn set_blocked(&self, blocked: bool) {
        self.0.blocked.store(blocked, Ordering::Relaxed);
    }

    /// Whether writes to the client are blocked.
    pub(crate) fn is_blocked(&self) -> bool {
        self.0.blocked.load(Ordering::Relaxed)
    }

    /// Records the frame that the response's body returns. With `may_wait` the body runs on even if the frame
    /// is not written yet.
    pub(crate) fn set_returned(&self, frame: &[u8], may_wait: bool) {
        let id = frame_id(frame);
        self.0.written.store(if may_wait { id } else { 0 }, Ordering::Relaxed);
        self.0.returned.store(id, Ordering::Relaxed);
    }

    /// Whether the frame with this [`frame_id`] is the body's last one, and the body runs on even if it is not
    /// written yet. Called before it is written.
    pub(crate) fn may_wait(&self, id: usize) -> bool {
        id == self.0.returned.load(Ordering::Relaxed) && self.is_written()
    }

    /// Records that the frame with this [`frame_id`] was written. If it is not the body's last frame, a layer in
    /// between may hold that one back.
    pub(crate) fn set_written(&self, id: usize) {
        self.0.written.store(id, Ordering::Relaxed);
    }

    /// Whether the body's last frame was written or need not be.
    pub(crate) fn is_written(&self) -> bool {
        self.0.written.load(Ordering::Relaxed) == self.0.returned.load(Ordering::Relaxed)
    }

    /// Sets the route that created the stream. The first one counts: a route inside another's fallback.
    pub(crate) fn set_route(&self, path: &Arc<str>) {
        let _ = self.0.route.set(Arc::clone(path));
    }

    /// Returns the route that created the stream, if one of touka's router did.
    pub(crate) fn route(&self) -> Option<&str> {
        self.0.route.get().map(|path| &**path)
    }

    /// Sets the label, if there is none.
    pub(super) fn set_label(&self, label: Box<str>) {
        let _ = self.0.label.set(Box::new(label));
    }

    /// Returns the label.
    pub(crate) fn label(&self) -> Option<&str> {
        self.0.label.get().map(|label| &***label)
    }

    pub(super) fn set_opened(&self) {
        let _ = self.0.opened.set(Instant::now());
    }

    /// Returns how long the stream has been open; `None` before the response's body was first polled.
    pub(crate) fn age(&self) -> Option<Duration> {
        self.0.opened.get().map(Instant::elapsed)
    }

    pub(super) fn add(&self, events: u32, bytes: usize) {
        self.0.events.fetch_add(events.into(), Ordering::Relaxed);
        self.0.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Returns the number of events that the body has returned to the connection.
    pub(crate) fn events(&self) -> u64 {
        self.0.events.load(Ordering::Relaxed)
    }

    /// Returns the number of bytes that the body has returned to the connection, including comments and the
    /// last bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn set_ended(&self) {
        self.0.is_ended.store(true, Ordering::Release);
        self.0.ended.notify_waiters();
    }

    /// Waits until the stream has ended, and returns the reason.
    pub(super) async fn ended(&self) -> CloseReason {
        let mut ended = pin!(self.0.ended.notified());
        // Registered before the check, so that an end between the two is not missed.
        ended.as_mut().enable();
        if self.is_open() {
            ended.await;
        }
        self.reason()
    }

    /// Whether the stream has not ended yet.
    pub(crate) fn is_open(&self) -> bool {
        !self.0.is_ended.load(Ordering::Acquire)
    }
}
