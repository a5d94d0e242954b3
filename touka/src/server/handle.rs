//! [`Handle`], a server's controls.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::open_streams::{OpenStream, OpenStreams};

/// Looks into a running server and tells it what to do. Clones are the same server's;
/// [`Server::handle`](super::Server::handle) gives one, and [`Handle::layer`] gives one its streams under
/// another server.
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
///     // Whoever is in this room comes back, and is asked again who they are.
///     let closed = handle.close(|stream| stream.path() == "/rooms/blue");
///     println!("{closed} closed");
/// });
/// server.serve("127.0.0.1:3000", router).await
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Handle {
    pub(super) streams: OpenStreams,
    /// The shutdown has begun: each stream asks at each of its events, and a token has a lock.
    begun: Arc<AtomicBool>,
    /// Streams end, connections finish what they do.
    pub(super) shutdown: CancellationToken,
    /// Whatever is still there is dropped.
    pub(super) cut: CancellationToken,
    /// When the last stream is to end that the shutdown ends. Known when the first one asks.
    drained_by: Arc<OnceLock<Instant>>,
}

impl Handle {
    /// A handle of no server of touka's, for [`layer`](Self::layer).
    pub fn new() -> Self {
        Self::default()
    }

    /// The event streams that are open now, oldest first: those of other libraries too, which are
    /// known by their content type.
    pub fn streams(&self) -> Vec<OpenStream> {
        self.streams.list()
    }

    /// How many event streams are open now.
    pub fn count(&self) -> usize {
        self.streams.count()
    }

    /// Ends the streams that match, as [`OpenStream::close`] does, and tells how many.
    pub fn close(&self, mut matches: impl FnMut(&OpenStream) -> bool) -> usize {
        // Asked outside of the lock: it is the user's code.
        let matching = self.streams().into_iter().filter(|stream| matches(stream));
        matching.inspect(OpenStream::close).count()
    }

    /// Begins the shutdown, as a signal would. Called again, it ends what is left at once.
    pub fn shutdown(&self) {
        if self.is_shutting_down() {
            self.cut();
        }
        self.begin_shutdown();
    }

    /// Begins the shutdown, if it has not begun.
    pub(super) fn begin_shutdown(&self) {
        if !self.begun.swap(true, Ordering::AcqRel) {
            self.shutdown.cancel();
            self.streams.stir();
        }
    }

    /// Ends at once what is left.
    pub(super) fn cut(&self) {
        self.cut.cancel();
        self.streams.stir();
    }

    /// When the last stream is to end that the shutdown ends.
    pub(super) fn drained_by(&self, first: impl FnOnce() -> Instant) -> Instant {
        *self.drained_by.get_or_init(first)
    }

    /// The shutdown has begun.
    pub(crate) fn is_shutting_down(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }
}
