//! [`ConnectionState`], the state of one connection.

use std::any::Any;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::time::Instant;

use super::activity::Activity;
use super::again::Guard;
use super::phase::{ConnectionPhase, PhaseCell};
use super::request_end::LastRequest;
use super::writing::Writing;
use crate::error::CloseReason;
use crate::server::limits::body_budget::BodyBudget;
use crate::server::shared::Shared;
use crate::sync::Mutex;

/// State shared by the socket, the requests and the responses of one connection.
///
/// The flags are independent of the phase and of each other: each may be set in any phase, along with any other.
#[derive(Debug)]
pub(in crate::server) struct ConnectionState {
    pub(in crate::server) shared: Arc<Shared>,
    /// The peer of the connection: a client or a proxy. With the PROXY protocol, the client that the proxy has
    /// named.
    pub(in crate::server) peer: Option<SocketAddr>,
    /// Set if the connection is over a limit: its first request gets the overload response.
    pub(in crate::server) overloaded: bool,
    /// Set if the PROXY protocol header of the connection named no client.
    unnamed: AtomicBool,
    /// Number of requests that were passed to the service.
    calls: AtomicUsize,
    /// Number of requests that are not fully answered, and of other guards that keep the connection busy.
    busy: AtomicUsize,
    /// Bytes of HTTP/2 responses that are not yet written to the socket.
    leaving: AtomicUsize,
    /// Bytes of HTTP/2 responses removed from `leaving` so far; wraps around.
    departed: AtomicUsize,
    /// Waker of the task that waits for the last response to end.
    idle_waker: Mutex<Option<Waker>>,
    /// The protocol that the connection speaks, or how it ended.
    phase: PhaseCell,
    /// The streams that are written to the socket.
    pub(in crate::server) writing: Writing,
    /// Set if the socket can be taken out and written to without hyper.
    bare: AtomicBool,
    /// The framing of the most recent request.
    pub(in crate::server) request: LastRequest,
    /// Set if a stream was served on the connection without hyper before.
    returned: bool,
    /// Set while written bytes are not yet flushed to the socket.
    unflushed: AtomicBool,
    /// Set if a part of a request's body was not read, and will not be.
    unread: AtomicBool,
    began: Instant,
    /// Milliseconds from `began` to the last bytes received.
    last_word: AtomicU64,
    /// Milliseconds from `began` to the last time that the socket became writable after it was blocked.
    writable: AtomicU64,
    /// Whether writes to the socket are blocked.
    blocked: AtomicBool,
    /// Memory budget of the request bodies. Created with the first body.
    bodies: OnceLock<Arc<BodyBudget>>,
    /// The guard that counts the connection among those of the server.
    guard: Mutex<Guard>,
}

impl ConnectionState {
    pub(in crate::server) fn new(shared: Arc<Shared>, peer: Option<SocketAddr>, overloaded: bool) -> Arc<Self> {
        Arc::new(Self::unshared(shared, peer, overloaded))
    }

    /// Creates the state of a connection that was parked before, and is between two requests.
    pub(in crate::server) fn returned(shared: Arc<Shared>, peer: Option<SocketAddr>, guard: Guard) -> Arc<Self> {
        let conn = Self { returned: true, ..Self::unshared(shared, peer, false) };
        Arc::new(Self { guard: Mutex::new(guard), ..conn })
    }

    fn unshared(shared: Arc<Shared>, peer: Option<SocketAddr>, overloaded: bool) -> Self {
        Self {
            shared,
            peer,
            overloaded,
            unnamed: AtomicBool::new(false),
            calls: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
            leaving: AtomicUsize::new(0),
            departed: AtomicUsize::new(0),
            idle_waker: Mutex::new(None),
            phase: PhaseCell::new(),
            writing: Writing::default(),
            bare: AtomicBool::new(false),
            request: LastRequest::default(),
            returned: false,
            unflushed: AtomicBool::new(false),
            unread: AtomicBool::new(false),
            began: Instant::now(),
            last_word: AtomicU64::new(0),
            writable: AtomicU64::new(0),
            blocked: AtomicBool::new(false),
            bodies: OnceLock::new(),
            guard: Mutex::default(),
        }
    }

    /// Counts a request that is about to be passed to the service.
    pub(in crate::server) fn called(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.writing.forget_last();
        self.begun();
    }

    /// Adds one reason for the connection to be busy.
    pub(in crate::server) fn begun(&self) {
        self.busy.fetch_add(1, Ordering::Relaxed);
    }

    /// Removes one reason for the connection to be busy, and wakes the waiting task after the last.
    pub(in crate::server) fn finished(&self) {
        if self.busy.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.wake_idle_task();
        }
    }

    pub(in crate::server) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// Returns the activity, and registers the waker for when the connection stops being busy or its last bytes
    /// are written: hyper does not read again by itself when a response has ended.
    pub(in crate::server) fn poll_activity(&self, cx: &Context<'_>) -> Activity {
        let activity = self.activity();
        if activity == Activity::Idle {
            return activity;
        }
        let mut idle_waker = self.idle_waker.lock();
        if !idle_waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *idle_waker = Some(cx.waker().clone());
        }
        drop(idle_waker);
        // Checked again, in case the activity changed before the waker was registered.
        self.activity()
    }

    fn activity(&self) -> Activity {
        if self.is_busy() || self.is_unflushed() {
            Activity::Busy
        } else if self.leaving.load(Ordering::Acquire) > 0 {
            Activity::Leaving(self.departed.load(Ordering::Relaxed))
        } else {
            Activity::Idle
        }
    }

    /// Whether a request is being answered, or the connection is no longer HTTP.
    pub(in crate::server) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Acquire) > 0
    }

    /// Whether no request is being answered and all bytes of all responses are written.
    #[cfg(feature = "http2")]
    pub(in crate::server) fn is_quiet(&self) -> bool {
        self.activity() == Activity::Idle
    }

    /// Drops the waker of the task that waited for the last response to end.
    pub(in crate::server) fn forget_idle_waker(&self) {
        let idle_waker = self.idle_waker.lock().take();
        drop(idle_waker);
    }

    fn wake_idle_task(&self) {
        let idle_waker = self.idle_waker.lock().take();
        idle_waker.into_iter().for_each(Waker::wake);
    }

    pub(in crate::server) fn add_leaving(&self, bytes: usize) {
        self.leaving.fetch_add(bytes, Ordering::AcqRel);
    }

    pub(in crate::server) fn sub_leaving(&self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        self.departed.fetch_add(bytes, Ordering::Relaxed);
        if self.leaving.fetch_sub(bytes, Ordering::AcqRel) == bytes && !self.is_busy() {
            self.wake_idle_task();
        }
    }

    /// Records that the client has sent bytes.
    pub(in crate::server) fn heard(&self) {
        self.last_word.store(self.elapsed(), Ordering::Relaxed);
    }

    /// Returns when the client last sent bytes, or when it connected if it never did.
    pub(in crate::server) fn last_word(&self) -> Instant {
        self.began + Duration::from_millis(self.last_word.load(Ordering::Relaxed))
    }

    /// Returns since when the socket is writable; the current time while it is blocked.
    #[cfg(feature = "http2")]
    pub(in crate::server) fn writable_since(&self) -> Instant {
        if self.blocked.load(Ordering::Relaxed) {
            return Instant::now();
        }
        self.began + Duration::from_millis(self.writable.load(Ordering::Relaxed))
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    #[cfg(feature = "http2")]
    pub(in crate::server) fn set_http2(&self) {
        self.phase.enter(ConnectionPhase::Http2);
    }

    #[cfg(feature = "http2")]
    pub(in crate::server) fn speaks_http2(&self) -> bool {
        self.phase.is(ConnectionPhase::Http2)
    }

    #[cfg(not(feature = "http2"))]
    #[expect(clippy::unused_self, reason = "the signature of the other")]
    pub(in crate::server) const fn speaks_http2(&self) -> bool {
        false
    }

    pub(in crate::server) fn set_head_timed_out(&self) {
        self.phase.enter(ConnectionPhase::HeadTimedOut);
    }

    pub(in crate::server) fn has_head_timed_out(&self) -> bool {
        self.phase.is(ConnectionPhase::HeadTimedOut)
    }

    /// Returns the write timeout that applies now.
    pub(in crate::server) fn write_time(&self) -> Duration {
        self.writing.write_time().unwrap_or(self.shared.limits.write_time)
    }

    /// Records whether writes are blocked, for the connection and for all its streams.
    pub(in crate::server) fn set_blocked(&self, blocked: bool) {
        if !blocked {
            self.writable.store(self.elapsed(), Ordering::Relaxed);
        }
        self.blocked.store(blocked, Ordering::Relaxed);
        self.writing.set_blocked(blocked);
    }

    /// Records why all its streams end.
    pub(in crate::server) fn close(&self, reason: CloseReason) {
        self.writing.close(reason);
    }

    /// Returns the memory budget of this connection's request bodies.
    pub(in crate::server) fn bodies(&self) -> &Arc<BodyBudget> {
        self.bodies.get_or_init(Arc::default)
    }

    /// Records that the connection's proxy has named no client. The author of its requests is then unknown, so
    /// no header that names a client is trusted.
    pub(in crate::server) fn set_unnamed(&self, unnamed: bool) {
        self.unnamed.store(unnamed, Ordering::Relaxed);
    }

    pub(in crate::server) fn is_unnamed(&self) -> bool {
        self.unnamed.load(Ordering::Relaxed)
    }

    // ===== parking =====

    /// Sets the guard that is dropped with the connection.
    pub(in crate::server) fn set_guard(&self, guard: impl Any + Send) {
        *self.guard.lock() = Some(Box::new(guard));
    }

    pub(in crate::server) fn take_guard(&self) -> Guard {
        self.guard.lock().take()
    }

    pub(in crate::server) fn set_bare(&self, bare: bool) {
        self.bare.store(bare, Ordering::Relaxed);
    }

    pub(in crate::server) fn is_bare(&self) -> bool {
        self.bare.load(Ordering::Relaxed)
    }

    pub(in crate::server) const fn has_returned(&self) -> bool {
        self.returned
    }

    pub(in crate::server) fn set_unflushed(&self, unflushed: bool) {
        // Only the task that writes changes the flag.
        if self.unflushed.load(Ordering::Relaxed) == unflushed {
            return;
        }
        self.unflushed.store(unflushed, Ordering::Relaxed);
        if !unflushed && !self.is_busy() {
            self.wake_idle_task();
        }
    }

    /// Records that a part of a request's body will not be read.
    pub(in crate::server) fn set_unread(&self) {
        self.unread.store(true, Ordering::Relaxed);
    }

    pub(in crate::server) fn is_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    /// Records that the connection is no longer HTTP once the current response has ended.
    pub(in crate::server) fn set_upgraded(&self) {
        self.phase.enter(ConnectionPhase::Upgraded);
    }

    pub(in crate::server) fn is_upgraded(&self) -> bool {
        self.phase.is(ConnectionPhase::Upgraded)
    }

    pub(in crate::server) fn is_unflushed(&self) -> bool {
        self.unflushed.load(Ordering::Relaxed)
    }
}
