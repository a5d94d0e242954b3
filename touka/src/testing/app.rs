//! [`TestApp`], an app that runs in memory.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Method;
use tokio::io::DuplexStream;

use super::pipe::{Pipe, Valve, pipe};
use super::request::TestRequest;
use super::wait::Wait;
use super::watch::{Exchange, Part, Watch, Watched};
use crate::server::{App, Serve, Shared, serve_plain};
use crate::stream::hold_paused_clocks;

/// How long a test waits for anything.
const LIMIT: Duration = Duration::from_secs(5);

/// What the pipe holds: about as much as a socket does.
const CAPACITY: usize = 64 * 1024;

/// How often it is looked whether all is gone.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// An app that runs in memory, for tests: a [`Router`](crate::Router), an `axum::Router`, any
/// service that a [`Server`](crate::Server) takes.
///
/// Each request has a connection of its own, which the server's own code serves through hyper. No
/// port is opened. Clones are the same app.
///
/// ```
/// use touka::{Router, route, routes, testing::TestApp};
///
/// #[route(GET, "/greet/{name}")]
/// async fn greet(name: String) -> String {
///     format!("hello {name}")
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// let app = TestApp::new(Router::new().mount(routes![greet]));
/// let response = app.get("/greet/ada").send().await;
/// assert_eq!(response.status(), 200);
/// assert_eq!(response.text().await, "hello ada");
/// # });
/// ```
#[derive(Clone)]
pub struct TestApp {
    serve: Arc<ServeFn>,
    watch: Watch,
    serving: Arc<Shared>,
    limit: Duration,
    capacity: usize,
    peer: Option<SocketAddr>,
}

/// Serves one connection on a task of its own, from a peer.
type ServeFn = dyn Fn(Pipe, Exchange, Arc<Shared>, Option<SocketAddr>) + Send + Sync;

impl TestApp {
    /// An app that answers with this service.
    pub fn new<A: App<Kind>, Kind>(app: A) -> Self {
        hold_paused_clocks();
        // A service need not be `Sync`, and nobody but this lock asks for it.
        let service = Mutex::new(app.into_service());
        let serve = move |pipe, exchange: Exchange, serving, peer| {
            let service = service.lock().unwrap_or_else(PoisonError::into_inner).clone();
            serve(pipe, service, exchange, serving, peer);
        };
        Self {
            serve: Arc::new(serve),
            watch: Watch::default(),
            serving: Arc::new(Shared::new()),
            limit: LIMIT,
            capacity: CAPACITY,
            peer: None,
        }
    }

    /// Sets the address that requests come from, for handlers that take
    /// [`ConnectInfo`](crate::extract::ConnectInfo); by default there is none.
    ///
    /// ```
    /// use touka::extract::ConnectInfo;
    /// use touka::{Router, route, routes, testing::TestApp};
    ///
    /// #[route(GET, "/whoami")]
    /// async fn whoami(ConnectInfo(peer): ConnectInfo) -> String {
    ///     peer.to_string()
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
    /// let app = TestApp::new(Router::new().mount(routes![whoami])).peer(([203, 0, 113, 7], 50812));
    /// assert_eq!(app.get("/whoami").send().await.text().await, "203.0.113.7:50812");
    /// # });
    /// ```
    #[must_use]
    pub fn peer(mut self, address: impl Into<SocketAddr>) -> Self {
        self.peer = Some(address.into());
        self
    }

    /// Sets how long each wait may take, 5 s by default.
    #[must_use]
    pub const fn within(mut self, longest: Duration) -> Self {
        self.limit = longest;
        self
    }

    /// Sets how many bytes fit between the server and a client that does not read, 64 KiB by
    /// default. hyper keeps up to 64 KiB more in front of it.
    #[must_use]
    pub const fn pipe_capacity(mut self, bytes: usize) -> Self {
        self.capacity = bytes;
        self
    }

    /// A GET request.
    #[track_caller]
    pub fn get(&self, path: &str) -> TestRequest {
        self.request(Method::GET, path)
    }

    /// A POST request.
    #[track_caller]
    pub fn post(&self, path: &str) -> TestRequest {
        self.request(Method::POST, path)
    }

    /// A PUT request.
    #[track_caller]
    pub fn put(&self, path: &str) -> TestRequest {
        self.request(Method::PUT, path)
    }

    /// A PATCH request.
    #[track_caller]
    pub fn patch(&self, path: &str) -> TestRequest {
        self.request(Method::PATCH, path)
    }

    /// A DELETE request.
    #[track_caller]
    pub fn delete(&self, path: &str) -> TestRequest {
        self.request(Method::DELETE, path)
    }

    /// A request with any method.
    ///
    /// # Panics
    /// The path does not begin with `/`, or holds what must be percent-encoded.
    #[track_caller]
    pub fn request(&self, method: Method, path: &str) -> TestRequest {
        TestRequest::new(self.clone(), method, path)
    }

    /// Begins the shutdown of a [`Server`](crate::Server): event streams end after the event in
    /// hand, each with a `retry:` of its own, and new requests are not answered.
    ///
    /// ```
    /// use touka::{Router, route, routes, sse_handler, testing::TestApp};
    ///
    /// #[sse_handler]
    /// #[route(GET, "/endless")]
    /// async fn endless() {
    ///     std::future::pending::<()>().await;
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
    /// let app = TestApp::new(Router::new().mount(routes![endless]));
    /// let mut events = app.get("/endless").events().await;
    /// app.shutdown();
    /// assert_eq!(events.next_event().await, None);
    /// assert!(events.retry().is_some());
    /// # });
    /// ```
    pub fn shutdown(&self) {
        self.serving.handle.shutdown();
    }

    /// Waits until nothing of this app is left: no client, no connection, no handler that has not
    /// answered, no response body, no event stream.
    ///
    /// Call it when all clients have left. What a handler spawned by itself and never tied to its
    /// stream is not seen.
    ///
    /// # Panics
    /// Something is left when the limit is over; the message says what, and of which route.
    ///
    /// ```
    /// use touka::{Router, route, routes, sse_handler, testing::TestApp};
    ///
    /// #[sse_handler]
    /// #[route(GET, "/endless")]
    /// async fn endless() {
    ///     std::future::pending::<()>().await;
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
    /// let app = TestApp::new(Router::new().mount(routes![endless]));
    /// let events = app.get("/endless").events().await;
    /// events.disconnect();
    /// app.assert_nothing_left().await;
    /// # });
    /// ```
    #[track_caller]
    pub fn assert_nothing_left(&self) -> Wait<'_, ()> {
        Wait::new(self.limit, move |limit| async move {
            loop {
                let left = self.watch.left();
                if left.is_empty() {
                    return;
                }
                if limit.is_over() {
                    let what = format!("something of the app is still running after {:?}", limit.longest());
                    limit.fail(&what, &[("left", &left.join("\n"))]);
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        })
    }

    pub(super) const fn limit(&self) -> Duration {
        self.limit
    }

    /// A connection for one request, served by a task of its own.
    pub(super) fn connect(&self, exchange: &Exchange) -> (DuplexStream, Arc<Valve>) {
        let (server, client, valve) = pipe(self.capacity);
        // A server that shuts down accepts nobody: the client finds its connection closed.
        if !self.serving.handle.is_shutting_down() {
            (self.serve)(server, exchange.clone(), Arc::clone(&self.serving), self.peer);
        }
        (client, valve)
    }

    pub(super) fn exchange(&self, line: String) -> Exchange {
        self.watch.exchange(line)
    }
}

fn serve(pipe: Pipe, service: impl Serve, exchange: Exchange, serving: Arc<Shared>, peer: Option<SocketAddr>) {
    let alive = exchange.alive(Part::Connection);
    let service = Watched { service, exchange };
    tokio::spawn(serve_plain(pipe, service, serving, peer, alive));
}

impl fmt::Debug for TestApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestApp").field("limit", &self.limit).field("left", &self.watch.left()).finish_non_exhaustive()
    }
}
