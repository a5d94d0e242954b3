//! What a server knows of one connection's client.

use std::any::Any;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::time::Instant;

use super::activity::Activity;
use super::again::Guard;
use super::request_end::LastRequest;
use super::writing::Writing;
use crate::error::CloseReason;
use crate::server::limits::body_budget::BodyBudget;
use crate::server::shared::Shared;

/// Shared by the socket, the requests and the responses of one connection.
#[derive(Debug)]
pub(in crate::server) struct ConnectionState {
    pub(in crate::server) shared: Arc<Shared>,
    /// The other end of the connection: a client, or a proxy. With the PROXY protocol it is the client
    /// that the proxy has named.
    pub(in crate::server) peer: Option<SocketAddr>,
    /// It is over a limit, and is told when to come back.
    pub(in crate::server) overloaded: bool,
    /// The proxy has begun the connection with a header of the PROXY protocol that names no client.
    unnamed: AtomicBool,
    /// Requests that have reached the service.
    calls: AtomicUsize,
    /// Those of them that are not answered to the end.
    busy: AtomicUsize,
    /// Bytes of HTTP/2 responses that are to be written to the socket.
    leaving: AtomicUsize,
    /// All of those that were there and are not any more, modulo the size of the number.
    departed: AtomicUsize,
    /// Who waits for the last answer's end.
    idler: Mutex<Option<Waker>>,
    http2: AtomicBool,
    /// A request's head did not come in time.
    late: AtomicBool,
    /// The streams that are written to its socket.
    pub(in crate::server) writing: Writing,
    /// Its socket can be had without hyper.
    bare: AtomicBool,
    /// How the request ends that came last.
    pub(in crate::server) request: LastRequest,
    /// A stream was served on its connection by other means, and has ended.
    returned: bool,
    /// Something that was written has yet to reach the socket.
    unflushed: AtomicBool,
    /// A part of a request's body was not read, and will not be.
    unread: AtomicBool,
    /// The connection is no longer HTTP, or will not be when its last response has ended.
    upgraded: AtomicBool,
    began: Instant,
    /// Milliseconds from `began` to the last bytes that the client has sent.
    last_word: AtomicU64,
    /// Milliseconds from `began` to when its socket last took bytes after it had been blocked.
    writable: AtomicU64,
    /// The socket takes nothing now.
    blocked: AtomicBool,
    /// What the bodies of its requests hold in memory. Made with the first body.
    bodies: OnceLock<Arc<BodyBudget>>,
    /// The connection's place among those that the server has, until it is dropped.
    guard: Mutex<Guard>,
}

impl ConnectionState {
    pub(in crate::server) fn new(shared: Arc<Shared>, peer: Option<SocketAddr>, overloaded: bool) -> Arc<Self> {
        Arc::new(Self::unshared(shared, peer, overloaded))
    }

    /// The client of a connection that was served before, and is between two requests.
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
            idler: Mutex::new(None),
            http2: AtomicBool::new(false),
            late: AtomicBool::new(false),
            writing: Writing::default(),
            bare: AtomicBool::new(false),
            request: LastRequest::default(),
            returned: false,
            unflushed: AtomicBool::new(false),
            unread: AtomicBool::new(false),
            upgraded: AtomicBool::new(false),
            began: Instant::now(),
            last_word: AtomicU64::new(0),
            writable: AtomicU64::new(0),
            blocked: AtomicBool::new(false),
            bodies: OnceLock::new(),
            guard: Mutex::default(),
        }
    }

    /// A request is about to reach the service.
    pub(in crate::server) fn called(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.writing.forget_last();
        self.begun();
    }

    /// One thing more keeps the connection from being idle.
    pub(in crate::server) fn begun(&self) {
        self.busy.fetch_add(1, Ordering::Relaxed);
    }

    /// One thing less keeps the connection from being idle.
    pub(in crate::server) fn finished(&self) {
        if self.busy.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.wake_idler();
        }
    }

    pub(in crate::server) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// Tells what the connection does, and wakes the caller when it stops to be busy, or when its
    /// last bytes have left: hyper does not read again when a response has ended.
    pub(in crate::server) fn poll_activity(&self, cx: &Context<'_>) -> Activity {
        let activity = self.activity();
        if activity == Activity::Idle {
            return activity;
        }
        let mut idler = self.idler.lock().unwrap_or_else(PoisonError::into_inner);
        if !idler.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *idler = Some(cx.waker().clone());
        }
        drop(idler);
        // Once more, for an end between the look and the note.
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

    /// A request is being answered, or the connection is no longer HTTP.
    pub(in crate::server) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Acquire) > 0
    }

    /// No request is being answered, and all bytes of all responses have left.
    #[cfg(feature = "http2")]
    pub(in crate::server) fn is_quiet(&self) -> bool {
        self.activity() == Activity::Idle
    }

    /// Nobody waits for the last answer's end any more.
    pub(in crate::server) fn forget_idler(&self) {
        let idler = self.idler.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(idler);
    }

    fn wake_idler(&self) {
        let idler = self.idler.lock().unwrap_or_else(PoisonError::into_inner).take();
        idler.into_iter().for_each(Waker::wake);
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
            self.wake_idler();
        }
    }

    /// Notes that the client has sent something.
    pub(in crate::server) fn heard(&self) {
        self.last_word.store(self.elapsed(), Ordering::Relaxed);
    }

    /// When the client last sent something; when it connected, if it never did.
    pub(in crate::server) fn last_word(&self) -> Instant {
        self.began + Duration::from_millis(self.last_word.load(Ordering::Relaxed))
    }

    /// Since when the socket takes bytes; now, if it takes none.
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
        self.http2.store(true, Ordering::Relaxed);
    }

    pub(in crate::server) fn speaks_http2(&self) -> bool {
        self.http2.load(Ordering::Relaxed)
    }

    pub(in crate::server) fn set_late(&self) {
        self.late.store(true, Ordering::Relaxed);
    }

    pub(in crate::server) fn is_late(&self) -> bool {
        self.late.load(Ordering::Relaxed)
    }

    /// How long the client may take nothing of what is written to it now.
    pub(in crate::server) fn write_time(&self) -> Duration {
        self.writing.write_time().unwrap_or(self.shared.limits.write_time)
    }

    /// Says to all its streams whether it takes what is written.
    pub(in crate::server) fn set_blocked(&self, blocked: bool) {
        if !blocked {
            self.writable.store(self.elapsed(), Ordering::Relaxed);
        }
        self.blocked.store(blocked, Ordering::Relaxed);
        self.writing.set_blocked(blocked);
    }

    /// Says to all its streams why they end.
    pub(in crate::server) fn close(&self, reason: CloseReason) {
        self.writing.close(reason);
    }

    /// The budget of the bodies of this connection's requests.
    pub(in crate::server) fn bodies(&self) -> &Arc<BodyBudget> {
        self.bodies.get_or_init(Arc::default)
    }

    /// Notes that the connection's proxy has named no client: whoever has written its requests is
    /// unknown, so nothing that they say of a client is believed.
    pub(in crate::server) fn set_unnamed(&self, unnamed: bool) {
        self.unnamed.store(unnamed, Ordering::Relaxed);
    }

    pub(in crate::server) fn is_unnamed(&self) -> bool {
        self.unnamed.load(Ordering::Relaxed)
    }

    // ===== parking =====

    /// Gives it what is dropped with the connection.
    pub(in crate::server) fn set_guard(&self, guard: impl Any + Send) {
        *self.guard.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(guard));
    }

    pub(in crate::server) fn take_guard(&self) -> Guard {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner).take()
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
        // Only the task that writes has it change.
        if self.unflushed.load(Ordering::Relaxed) == unflushed {
            return;
        }
        self.unflushed.store(unflushed, Ordering::Relaxed);
        if !unflushed && !self.is_busy() {
            self.wake_idler();
        }
    }

    /// Notes that a part of a request's body will not be read.
    pub(in crate::server) fn set_unread(&self) {
        self.unread.store(true, Ordering::Relaxed);
    }

    pub(in crate::server) fn is_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    /// The connection is not HTTP any more once the response under way has ended.
    pub(in crate::server) fn set_upgraded(&self) {
        self.upgraded.store(true, Ordering::Relaxed);
    }

    pub(in crate::server) fn is_upgraded(&self) -> bool {
        self.upgraded.load(Ordering::Relaxed)
    }

    pub(in crate::server) fn is_unflushed(&self) -> bool {
        self.unflushed.load(Ordering::Relaxed)
    }
}
