//! [`Handle`], a server's controls.

use tokio_util::sync::CancellationToken;

use super::handle_layer::HandleLayer;
use super::serving::Serving;
use super::streams::{OpenStream, Streams};

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
    pub(super) streams: Streams,
    /// Streams end, connections finish what they do.
    pub(super) shutdown: CancellationToken,
    /// Whatever is still there is dropped.
    pub(super) cut: CancellationToken,
}

impl Handle {
    /// A handle of no server of touka's, for [`layer`](Self::layer).
    pub fn new() -> Self {
        Self::default()
    }

    /// A tower layer that gives this handle the event streams of an app that another server serves.
    ///
    /// axum's own server waits at a graceful shutdown until every response has ended, and nothing ends a
    /// stream: it waits for as long as a client stays. A handle's [`shutdown`](Self::shutdown) ends each
    /// stream that has come through the layer as touka's server does, after the event in hand and with a
    /// `retry:`, spread over up to five seconds. Streams of other libraries are known by their content type.
    ///
    /// ```no_run
    /// use touka::server::Handle;
    ///
    /// # async fn run(app: axum::Router, listener: tokio::net::TcpListener) -> std::io::Result<()> {
    /// let handle = Handle::new();
    /// let app = app.layer(handle.layer());
    /// axum::serve(listener, app)
    ///     .with_graceful_shutdown(async move {
    ///         let _ = tokio::signal::ctrl_c().await;
    ///         handle.shutdown();
    ///     })
    ///     .await
    /// # }
    /// ```
    ///
    /// [`streams`](Self::streams), [`count`](Self::count) and [`close`](Self::close) work as in touka's
    /// server. Its limits do not: connections are the other server's. A subscription of a topic that has
    /// come through the layer is not parked. In touka's own server the layer is not needed.
    pub fn layer(&self) -> HandleLayer {
        HandleLayer::new(Serving { handle: self.clone(), ..Serving::new() })
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
            self.cut.cancel();
        }
        self.shutdown.cancel();
    }

    /// The shutdown has begun.
    pub(crate) fn is_shutting_down(&self) -> bool {
        self.shutdown.is_cancelled()
    }
}
