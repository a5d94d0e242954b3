//! [`Router`], the routes of an app.

use std::any::TypeId;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use axum_core::BoxError;
use axum_core::body::Body;
use axum_core::extract::Request;
use axum_core::response::{IntoResponse, Response};
use bytes::Bytes;
use tower_layer::Layer;
use tower_service::Service;

use super::endpoint::{Endpoint, RouteFuture};
use super::group::boxed;
use super::handler::Handler;
use super::plan::Plan;
use super::route::Route;
use crate::response::catch_panic;
use crate::stream::catch;

/// The routes of an app, and a [`tower_service::Service`] that answers them.
///
/// Serve it with [`Router::serve`], or mount it where a tower service goes: axum's `nest_service` and
/// `fallback_service` take it. A server other than touka's ends no streams at a shutdown, unless
/// [`Handle::layer`](crate::server::Handle::layer) is around them.
///
/// ```
/// use touka::{Router, route, routes};
///
/// #[route(GET, "/greet/{name}")]
/// async fn greet(name: String) -> String {
///     format!("hello {name}")
/// }
///
/// # async fn run() -> touka::Result<()> {
/// Router::new().nest("/api", routes![greet]).serve("127.0.0.1:3000").await
/// # }
/// ```
///
/// `S` is the state that the handlers still need; [`Router::with_state`] gives it.
///
/// An unknown path is answered with 404, a known one with another method with 405 and `Allow`. A
/// route for GET answers HEAD too.
///
/// # Beside axum's router
/// [`layer`](Self::layer) and [`route_layer`](Self::route_layer) are around all routes of their router, whether
/// these are added before or after. For a layer around some routes, give it to a router of their own, and
/// [`merge`](Self::merge) or [`nest`](Self::nest) that one.
pub struct Router<S = ()> {
    /// Shared by all clones: a server has one for each connection.
    plan: Arc<Plan<S>>,
    /// Built at the first request and shared by all clones: a layer with state of its own, such as
    /// a limit, must not begin anew in each.
    service: Arc<OnceLock<Endpoint>>,
}

impl<S: Clone + Send + Sync + 'static> Router<S> {
    /// Creates a router without routes.
    pub fn new() -> Self {
        Self { plan: Arc::default(), service: Arc::default() }
    }

    /// Adds routes.
    ///
    /// # Panics
    /// Two routes answer the same method and path, or their paths cannot be told apart; the
    /// message names both handlers. Or a path does not begin with `/`, has two captures of one name, or is not
    /// valid. This happens when the app starts, not while it runs.
    #[must_use]
    #[track_caller]
    pub fn mount(mut self, routes: impl IntoIterator<Item = Route<S>>) -> Self {
        let plan = self.plan_mut();
        for route in routes {
            plan.add(route);
        }
        self
    }

    /// Adds the routes of another router, or of [`routes!`](crate::routes!), under a prefix such as `/api`.
    ///
    /// ```
    /// use touka::{Router, route, routes};
    ///
    /// #[route(GET, "/users")]
    /// async fn users() -> &'static str {
    ///     "users"
    /// }
    ///
    /// async fn unknown() -> &'static str {
    ///     "the API has no such path"
    /// }
    ///
    /// let api = Router::new().mount(routes![users]).fallback(unknown);
    /// let app: Router = Router::new().nest("/api", api);
    /// ```
    ///
    /// - The prefix may have captures, as in `/users/{id}`.
    /// - The nested router sees the rest of the path: its handlers, layers and fallback read `/users` from the
    ///   request's URI. [`OriginalUri`](crate::extract::OriginalUri) has all of it.
    /// - Its [`layer`](Self::layer)s are around its own routes and fallback, and around the 405 of its paths.
    /// - Its fallback answers unknown paths under the prefix. Without one, this router's fallback does.
    /// - Its handlers need the state of this router. A router that was given its state by
    ///   [`with_state`](Self::with_state) fits any.
    /// - A request for `/api` is for the nested route `/`. One for `/api/` is for no route.
    ///
    /// # Panics
    /// As [`Router::mount`]. Also if the prefix does not begin with `/`, ends with one, or has a capture of several
    /// segments, as `/{*rest}` is. To nest under `/`, use [`Router::merge`]. Also if two routers with a fallback are
    /// nested under the same prefix, or one under `/a` and one under `/a/{capture}`.
    #[must_use]
    #[track_caller]
    pub fn nest(mut self, prefix: &str, router: impl Into<Self>) -> Self {
        self.plan_mut().nest(Arc::unwrap_or_clone(router.into().plan), prefix);
        self
    }

    /// Adds the routes of another router. Its layers stay around its own routes and its fallback.
    ///
    /// ```
    /// use touka::http::header::CACHE_CONTROL;
    /// use touka::response::HeaderValue;
    /// use touka::{Router, route, routes};
    /// use tower_http::set_header::SetResponseHeaderLayer;
    ///
    /// #[route(GET, "/health")]
    /// async fn health() {}
    ///
    /// #[route(GET, "/logo")]
    /// async fn logo() -> &'static str {
    ///     "a file"
    /// }
    ///
    /// let cached = SetResponseHeaderLayer::if_not_present(CACHE_CONTROL, HeaderValue::from_static("max-age=60"));
    /// let files = Router::new().mount(routes![logo]).layer(cached);
    /// let app: Router = Router::new().mount(routes![health]).merge(files);
    /// ```
    ///
    /// # Panics
    /// As [`Router::mount`]. Also if both routers have a fallback.
    #[must_use]
    #[track_caller]
    pub fn merge(mut self, router: impl Into<Self>) -> Self {
        self.plan_mut().absorb(Arc::unwrap_or_clone(router.into().plan), "");
        self
    }

    /// Sets the handler of requests whose path no route has, in place of the 404.
    ///
    /// It is an `async fn` of extractors, as a route's is, an `#[sse_handler]` for one. A path that a route has for
    /// other methods is answered with 405 all the same.
    ///
    /// ```
    /// use touka::Router;
    /// use touka::http::{StatusCode, Uri};
    ///
    /// async fn unknown(uri: Uri) -> (StatusCode, String) {
    ///     (StatusCode::NOT_FOUND, format!("{} is not here\n", uri.path()))
    /// }
    ///
    /// let app: Router = Router::new().fallback(unknown);
    /// ```
    #[must_use]
    pub fn fallback<M: 'static>(mut self, handler: impl Handler<M, S>) -> Self {
        self.plan_mut().set_fallback(Arc::new(move |request, state| {
            let answer = catch(|| handler.clone().call(request, state));
            Box::pin(catch_panic("the handler of this path failed", answer))
        }));
        self
    }

    /// Sets the service that answers requests whose path no route has, in place of the 404.
    ///
    /// ```
    /// use touka::Router;
    ///
    /// let theirs = axum::Router::new().route("/theirs", axum::routing::get(|| async { "theirs" }));
    /// let app: Router = Router::new().fallback_service(theirs);
    /// ```
    #[must_use]
    pub fn fallback_service<V>(mut self, service: V) -> Self
    where
        V: Service<Request, Response: IntoResponse, Error: Into<BoxError>, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        let service = Endpoint::from_service(service);
        self.plan_mut().set_fallback(Arc::new(move |request, _| service.answer(request)));
        self
    }

    /// Wraps everything this router answers in a tower layer: its routes, whether added before or after, its
    /// fallback, and its 404 and 405. The last layer added is the outermost.
    ///
    /// An error of the layer becomes a 500; its text goes to the log.
    #[must_use]
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Endpoint> + Send + Sync + 'static,
        L::Service: Service<Request, Response: IntoResponse + 'static, Error: Into<BoxError>, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        self.plan_mut().layers.push(boxed(layer));
        self
    }

    /// Wraps the routes of this router in a tower layer, whether added before or after: only a request that
    /// matches a route, by path and method, reaches it. The last layer added is the outermost.
    ///
    /// It is for what must not turn a 404 into something else, such as a check of credentials. The layer finds
    /// [`MatchedPath`](crate::extract::MatchedPath) and [`Params`](crate::extract::Params) in the request.
    ///
    /// ```
    /// use touka::response::{HeaderName, HeaderValue};
    /// use touka::{Router, route, routes};
    /// use tower_http::set_header::SetResponseHeaderLayer;
    ///
    /// #[route(GET, "/")]
    /// async fn index() {}
    ///
    /// let found = HeaderName::from_static("x-found");
    /// let layer = SetResponseHeaderLayer::overriding(found, HeaderValue::from_static("yes"));
    /// let app: Router = Router::new().mount(routes![index]).route_layer(layer);
    /// ```
    ///
    /// An error of the layer becomes a 500; its text goes to the log.
    #[must_use]
    pub fn route_layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Endpoint> + Send + Sync + 'static,
        L::Service: Service<Request, Response: IntoResponse + 'static, Error: Into<BoxError>, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        self.plan_mut().route_layers.push(boxed(layer));
        self
    }

    /// Gives the handlers their state. The result can be served, or can take routes that need a
    /// state of another type.
    ///
    /// ```
    /// use touka::extract::State;
    /// use touka::{Router, route, routes};
    ///
    /// #[route(GET, "/")]
    /// async fn index(State(name): State<&'static str>) -> &'static str {
    ///     name
    /// }
    ///
    /// let app: Router = Router::new().mount(routes![index]).with_state("shop");
    /// ```
    #[must_use]
    pub fn with_state<S2: Clone + Send + Sync + 'static>(self, state: S) -> Router<S2> {
        let plan = Arc::unwrap_or_clone(self.plan).bind(&state);
        Router { plan: Arc::new(plan), service: Arc::default() }
    }

    /// The routes, in the order they were added. Each prints as `GET /path → handler`.
    pub fn routes(&self) -> impl ExactSizeIterator<Item = &Route<S>> {
        self.plan.routes.iter()
    }

    /// The plan, for a change. The service that was built from it is dropped.
    fn plan_mut(&mut self) -> &mut Plan<S> {
        self.service = Arc::default();
        Arc::make_mut(&mut self.plan)
    }
}

impl Router {
    fn service(&self) -> &Endpoint {
        self.service.get_or_init(|| self.plan.build())
    }
}

/// A router with these routes, as of [`routes!`](crate::routes!).
impl<S: Clone + Send + Sync + 'static, const N: usize> From<[Route<S>; N]> for Router<S> {
    #[track_caller]
    fn from(routes: [Route<S>; N]) -> Self {
        Self::new().mount(routes)
    }
}

impl<B> Service<http::Request<B>> for Router
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = RouteFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> RouteFuture {
        RouteFuture { response: self.service().answer(request.map(Body::new)), vouch: Some(TypeId::of::<Self>()) }
    }
}

impl<S: Clone + Send + Sync + 'static> Default for Router<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Clone for Router<S> {
    fn clone(&self) -> Self {
        Self { plan: Arc::clone(&self.plan), service: Arc::clone(&self.service) }
    }
}

impl<S> fmt::Debug for Router<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router").field("routes", &self.plan.routes).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(path: &str) -> Route<()> {
        Route::new(http::Method::GET, path, |_, ()| std::future::ready("here"))
    }

    /// A server has a clone for each connection, parked ones too.
    #[test]
    fn clones_share_their_routes_until_one_is_changed() {
        let router = Router::new().mount([route("/a")]);
        let clone = router.clone();
        assert!(Arc::ptr_eq(&router.plan, &clone.plan));
        let changed = clone.mount([route("/b")]);
        assert_eq!((router.routes().len(), changed.routes().len()), (1, 2));
    }
}
