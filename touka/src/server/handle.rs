//! [`Handle`], the controls of a server.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::open_streams::{OpenStream, OpenStreams};
use crate::sync::Mutex;

/// Controls a running server: lists and closes its streams, and shuts it down.
///
/// Clones control the same server. [`Server::handle`](super::Server::handle) returns one; [`Handle::layer`]
/// gives a handle the streams of an app that another server serves.
///
/// ```no_run
/// use touka::{Router, Server};
///
/// # async fn run(router: Router) -> touka::Result<()> {
/// let server = Server::new();
/// let handle = server.handle();
/// tokio::spawn(async move {
///     for stream in handle.streams() {
///         println!("{:?} {} {:?}", stream.peer(), stream.path(), stream.age());
///     }
///     // Clients in this room reconnect, and are authorized again.
///     let closed = handle.close(|stream| stream.path() == "/rooms/blue");
///     println!("{closed} closed");
/// });
/// server.serve("127.0.0.1:3000", router).await
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Handle {
    pub(super) streams: OpenStreams,
    /// Set when the shutdown has begun. Every stream checks it at each event, and a token would take a lock.
    begun: Arc<AtomicBool>,
    /// Cancelled when the shutdown begins: streams end, and connections finish their requests.
    pub(super) shutdown: CancellationToken,
    /// Cancelled to drop all connections at once.
    pub(super) cut: CancellationToken,
    /// Deadline of the last stream that the shutdown ends. Set when the first stream asks.
    drain_deadline: Arc<OnceLock<Instant>>,
    ready_check: Arc<Mutex<Option<ReadyCheck>>>,
}

/// A condition for new clients.
#[derive(Clone)]
struct ReadyCheck(Arc<dyn Fn() -> bool + Send + Sync>);

impl fmt::Debug for ReadyCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadyCheck")
    }
}

impl Handle {
    /// Creates a handle without a server, for [`layer`](Self::layer).
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the open event streams, oldest first. Streams of other libraries are included: they are
    /// recognized by their content type.
    pub fn streams(&self) -> Vec<OpenStream> {
        self.streams.list()
    }

    /// Returns the number of open event streams.
    pub fn count(&self) -> usize {
        self.streams.count()
    }

    /// Ends the streams that match, as [`OpenStream::close`] does, and returns how many matched.
    pub fn close(&self, mut matches: impl FnMut(&OpenStream) -> bool) -> usize {
        // `matches` is user code: it runs outside the lock.
        let matching = self.streams().into_iter().filter(|stream| matches(stream));
        matching.inspect(OpenStream::close).count()
    }

    /// Begins a graceful shutdown, as a signal does. A second call cuts all connections at once.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use touka::Server;
    ///
    /// # async fn run(app: touka::Router) -> touka::Result<()> {
    /// let server = Server::new();
    /// let handle = server.handle();
    /// tokio::spawn(async move {
    ///     tokio::time::sleep(Duration::from_secs(60)).await;
    ///     handle.shutdown();
    /// });
    /// server.serve("127.0.0.1:3000", app).await
    /// # }
    /// ```
    pub fn shutdown(&self) {
        if self.is_shutting_down() {
            self.cut();
        }
        self.begin_shutdown();
    }

    /// Whether the server should get new clients, for a health check: the shutdown has not begun, and the check of
    /// [`set_ready_check`](Self::set_ready_check) returns true.
    ///
    /// ```
    /// use touka::extract::State;
    /// use touka::response::StatusCode;
    /// use touka::route;
    /// use touka::server::Handle;
    ///
    /// #[route(GET, "/ready")]
    /// async fn ready(State(handle): State<Handle>) -> StatusCode {
    ///     if handle.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
    /// }
    /// ```
    pub fn is_ready(&self) -> bool {
        let check = self.ready_check.lock().clone();
        !self.is_shutting_down() && check.is_none_or(|check| check.0())
    }

    /// Sets a condition of [`is_ready`](Self::is_ready), such as [`Hub::is_ready`](crate::Hub::is_ready). It replaces an
    /// earlier one, and runs at each call.
    pub fn set_ready_check(&self, check: impl Fn() -> bool + Send + Sync + 'static) {
        let replaced = self.ready_check.lock().replace(ReadyCheck(Arc::new(check)));
        // The destructor of a check is user code: it runs without the lock.
        drop(replaced);
    }

    /// Begins the shutdown, if it has not begun.
    pub(super) fn begin_shutdown(&self) {
        if !self.begun.swap(true, Ordering::AcqRel) {
            self.shutdown.cancel();
            self.streams.wake_all();
        }
    }

    /// Drops all connections at once.
    pub(super) fn cut(&self) {
        self.cut.cancel();
        self.streams.wake_all();
    }

    /// Returns the deadline of the last stream that the shutdown ends: the one that the first caller computed.
    pub(super) fn drain_deadline(&self, first: impl FnOnce() -> Instant) -> Instant {
        *self.drain_deadline.get_or_init(first)
    }

    /// Whether the shutdown has begun.
    pub(crate) fn is_shutting_down(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }
}
