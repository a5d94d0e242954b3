//! [`TestApp`], an app that runs in memory.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use http::Method;

use super::cookies::CookieJar;
use super::request::TestRequest;
use super::target::Target;
use super::wait::Wait;
use crate::server::App;
use crate::stream::hold_paused_clocks;

/// The interval at which [`TestApp::assert_nothing_left`] looks again.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// An app that runs in memory, for tests: a [`Router`](crate::Router), an `axum::Router`, or any
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
    target: Target,
}

impl TestApp {
    /// Creates an app that answers with this service.
    pub fn new<A: App<Kind>, Kind>(app: A) -> Self {
        hold_paused_clocks();
        Self { target: Target::new(app) }
    }

    /// Sets the address that requests come from, for handlers that take
    /// [`ConnectInfo`](crate::extract::ConnectInfo). By default there is none.
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
        self.target.peer = Some(address.into());
        self
    }

    /// Sets the timeout of each wait: for a response, for an event, for the rest of a body. 5 s of
    /// tokio's time by default; [`TestRequest::timeout`] and [`Wait::timeout`] set it for less.
    ///
    /// A wait that takes longer fails the test, with a message that says what did not come.
    ///
    /// ```
    /// use std::time::Duration;
    /// use touka::{Router, route, routes, testing::TestApp};
    ///
    /// #[route(GET, "/slow")]
    /// async fn slow() -> &'static str {
    ///     tokio::time::sleep(Duration::from_secs(40)).await;
    ///     "done"
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
    /// let app = TestApp::new(Router::new().mount(routes![slow])).timeout(Duration::from_secs(60));
    /// assert_eq!(app.get("/slow").send().await.text().await, "done");
    /// # });
    /// ```
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.target.timeout = timeout;
        self
    }

    /// Keeps the cookies that responses set and sends them with later requests, as a browser does.
    /// By default none are kept.
    ///
    /// Clones made after this call share the cookies. A second call begins with none, so two users
    /// of one app are two clones of it, each with a call of its own.
    ///
    /// The response of an event stream sets cookies too, and a reconnect sends them. A cookie goes
    /// to its host and its `Path` until its `Max-Age` or `Expires` is over; a cookie whose `Domain`
    /// is not exactly the host of the request is ignored. `Secure` and `SameSite` have no effect. A
    /// `cookie` header that the test sets itself wins over a kept cookie of the same name.
    ///
    /// ```
    /// use http::header::{HeaderMap, SET_COOKIE};
    /// use touka::{Router, route, routes, testing::TestApp};
    ///
    /// #[route(POST, "/login")]
    /// async fn login() -> ([(http::HeaderName, &'static str); 1], &'static str) {
    ///     ([(SET_COOKIE, "user=ada; Path=/; HttpOnly")], "welcome")
    /// }
    ///
    /// #[route(GET, "/me")]
    /// async fn me(headers: HeaderMap) -> String {
    ///     headers.get("cookie").map_or("nobody", |value| value.to_str().unwrap()).to_owned()
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
    /// let app = TestApp::new(Router::new().mount(routes![login, me])).cookies();
    /// assert_eq!(app.get("/me").send().await.text().await, "nobody");
    /// app.post("/login").send().await;
    /// assert_eq!(app.get("/me").send().await.text().await, "user=ada");
    /// # });
    /// ```
    #[must_use]
    pub fn cookies(mut self) -> Self {
        self.target.cookies = Some(CookieJar::default());
        self
    }

    /// Sets how many bytes fit between the server and a client that does not read, 64 KiB by
    /// default. hyper buffers up to 64 KiB more before them.
    #[must_use]
    pub const fn pipe_capacity(mut self, bytes: usize) -> Self {
        self.target.pipe_capacity = bytes;
        self
    }

    /// Begins a GET request.
    #[track_caller]
    pub fn get(&self, path: &str) -> TestRequest {
        self.request(Method::GET, path)
    }

    /// Begins a POST request.
    #[track_caller]
    pub fn post(&self, path: &str) -> TestRequest {
        self.request(Method::POST, path)
    }

    /// Begins a PUT request.
    #[track_caller]
    pub fn put(&self, path: &str) -> TestRequest {
        self.request(Method::PUT, path)
    }

    /// Begins a PATCH request.
    #[track_caller]
    pub fn patch(&self, path: &str) -> TestRequest {
        self.request(Method::PATCH, path)
    }

    /// Begins a DELETE request.
    #[track_caller]
    pub fn delete(&self, path: &str) -> TestRequest {
        self.request(Method::DELETE, path)
    }

    /// Begins a request with any method.
    ///
    /// # Panics
    /// The path does not begin with `/`, or has characters that must be percent-encoded.
    #[track_caller]
    pub fn request(&self, method: Method, path: &str) -> TestRequest {
        TestRequest::new(self.target.clone(), method, path)
    }

    /// Begins the shutdown of a [`Server`](crate::Server): each event stream ends after the event
    /// that is being sent, with a `retry:` of its own, and new requests are not answered.
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
        self.target.serving.handle.shutdown();
    }

    /// Waits until nothing of this app is left: no client, no connection, no handler that has not
    /// answered, no response body, no event stream.
    ///
    /// Call this when all clients have left. A task that a handler spawned itself, and did not tie
    /// to its stream, is not counted.
    ///
    /// # Panics
    /// Something is left after the timeout. The message lists it by route.
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
        Wait::new(self.target.timeout, move |limit| async move {
            loop {
                let left = self.target.watch.left();
                if left.is_empty() {
                    return;
                }
                if limit.is_over() {
                    let what = format!("something of the app is still running after {:?}", limit.timeout());
                    limit.fail(&what, &[("left", &left.join("\n"))]);
                }
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        })
    }
}

impl fmt::Debug for TestApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Target { timeout, watch, .. } = &self.target;
        f.debug_struct("TestApp").field("timeout", timeout).field("left", &watch.left()).finish_non_exhaustive()
    }
}
