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

use super::endpoint::{Answer, Endpoint};
use super::route::Route;
use super::table::{Node, Table};
use crate::error::Result;
use crate::server::{Listen, Server};

type LayerFn = Arc<dyn Fn(Endpoint) -> Endpoint + Send + Sync>;

/// The routes of an app, and a [`tower_service::Service`] that answers them.
///
/// Serve it with [`Router::serve`], or mount it anywhere a tower service goes: axum's
/// `nest_service` and `fallback_service` take it as it is. Under another server than touka's nothing
/// ends streams at a shutdown, unless [`Handle::layer`](crate::server::Handle::layer) is around them.
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
/// `S` is the state that its handlers still need; [`Router::with_state`] gives it.
///
/// An unknown path is answered with 404, a known one with another method with 405 and `Allow`. A
/// route for GET answers HEAD too.
pub struct Router<S = ()> {
    /// Shared by all clones: a server has one for each connection.
    plan: Arc<Plan<S>>,
    /// Made at the first request and shared by all clones: a layer with state of its own, such as
    /// a limit, must not begin anew in each.
    service: Arc<OnceLock<Endpoint>>,
}

/// What a router is made of.
struct Plan<S> {
    routes: Vec<Route<S>>,
    /// The same routes by path, kept up to date so that a conflict shows where it is mounted.
    tree: matchit::Router<usize>,
    /// For each number in `tree`, the routes of that path, as indices.
    nodes: Vec<Vec<usize>>,
    fallback: Option<Endpoint>,
    layers: Vec<LayerFn>,
}

impl<S> Clone for Plan<S> {
    fn clone(&self) -> Self {
        Self {
            routes: self.routes.clone(),
            tree: self.tree.clone(),
            nodes: self.nodes.clone(),
            fallback: self.fallback.clone(),
            layers: self.layers.clone(),
        }
    }
}

impl<S: Clone + Send + Sync + 'static> Plan<S> {
    /// The number of the route's path, which is made if no route has it yet.
    #[track_caller]
    fn node(&mut self, route: &Route<S>) -> usize {
        let same_path = |node: &Vec<usize>| node.iter().any(|&other| self.routes[other].path() == route.path());
        if let Some(known) = self.nodes.iter().position(same_path) {
            return known;
        }
        if let Err(error) = self.tree.insert(route.path(), self.nodes.len()) {
            self.refuse(route, &error);
        }
        self.nodes.push(Vec::new());
        self.nodes.len() - 1
    }

    /// The route that answers the same method at the same path.
    fn twin(&self, node: usize, route: &Route<S>) -> Option<&Route<S>> {
        let others = self.nodes[node].iter().map(|&other| &self.routes[other]);
        others.into_iter().find(|other| other.method() == route.method())
    }

    #[track_caller]
    fn refuse(&self, route: &Route<S>, error: &matchit::InsertError) -> ! {
        if let matchit::InsertError::Conflict { with } = error
            && let Some(other) = self.routes.iter().find(|other| other.path() == with)
        {
            panic!(
                "the paths of {} ({with}) and {} ({}) cannot be told apart: name their captures alike, or change one path",
                other.name(),
                route.name(),
                route.path()
            );
        }
        panic!("the path {:?} of {} is not valid: {error}", route.path(), route.name());
    }
}

impl<S: Clone + Send + Sync + 'static> Router<S> {
    /// A router without a route.
    pub fn new() -> Self {
        let plan = Plan {
            routes: Vec::new(),
            tree: matchit::Router::new(),
            nodes: Vec::new(),
            fallback: None,
            layers: Vec::new(),
        };
        Self { plan: Arc::new(plan), service: Arc::default() }
    }

    /// Adds routes.
    ///
    /// # Panics
    /// Two routes answer the same method and path, or their paths cannot be told apart; the
    /// message names both handlers. This happens when the app starts, not while it runs.
    #[must_use]
    #[track_caller]
    pub fn mount(self, routes: impl IntoIterator<Item = Route<S>>) -> Self {
        self.add(routes)
    }

    /// Adds routes under a prefix such as `/api`.
    ///
    /// # Panics
    /// As [`Router::mount`]; also when the prefix does not begin with `/` or ends with one.
    #[must_use]
    #[track_caller]
    pub fn nest(self, prefix: &str, routes: impl IntoIterator<Item = Route<S>>) -> Self {
        assert!(
            prefix.starts_with('/') && !prefix.ends_with('/'),
            "the prefix {prefix:?} must begin with `/` and not end with one, as in \"/api\""
        );
        self.add(routes.into_iter().map(|route| route.under(prefix)))
    }

    #[track_caller]
    fn add(mut self, routes: impl IntoIterator<Item = Route<S>>) -> Self {
        self.service = Arc::default();
        let plan = Arc::make_mut(&mut self.plan);
        for route in routes {
            let node = plan.node(&route);
            if let Some(twin) = plan.twin(node, &route) {
                panic!(
                    "{} and {} both answer {} {}: give one of them another path or method",
                    twin.name(),
                    route.name(),
                    route.method_name(),
                    route.path()
                );
            }
            plan.nodes[node].push(plan.routes.len());
            plan.routes.push(route);
        }
        self
    }

    /// Sets the service that answers paths no route has, in place of the 404.
    #[must_use]
    pub fn fallback<V>(mut self, service: V) -> Self
    where
        V: Service<Request, Response: IntoResponse, Error: Into<BoxError>, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        self.service = Arc::default();
        Arc::make_mut(&mut self.plan).fallback = Some(Endpoint::from_service(service));
        self
    }

    /// Wraps everything this router answers in a tower layer: its routes, whether mounted before
    /// or after, its fallback, and its 404 and 405. The last layer added is the outermost.
    ///
    /// A layer's error becomes a 500; its text goes to the log.
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
        self.service = Arc::default();
        Arc::make_mut(&mut self.plan).layers.push(Arc::new(move |inner| Endpoint::from_layer(layer.layer(inner))));
        self
    }

    /// Gives the handlers their state. What comes out can be served, or take routes that need a
    /// state of another type.
    #[must_use]
    pub fn with_state<S2: Clone + Send + Sync + 'static>(self, state: S) -> Router<S2> {
        let Plan { routes, tree, nodes, fallback, layers } = Arc::unwrap_or_clone(self.plan);
        let routes = routes.into_iter().map(|route| route.bind(state.clone())).collect();
        Router { plan: Arc::new(Plan { routes, tree, nodes, fallback, layers }), service: Arc::default() }
    }

    /// The routes, in the order they were mounted. Each prints as `GET /path → handler`.
    pub fn routes(&self) -> impl ExactSizeIterator<Item = &Route<S>> {
        self.plan.routes.iter()
    }
}

impl<S> Router<S> {
    /// Serves the app: [`Server::serve`] with the defaults.
    ///
    /// # Errors
    /// The address cannot be opened.
    pub async fn serve(self, address: impl Listen) -> Result<()>
    where
        Self: StateGiven<S>,
    {
        Server::new().serve(address, self.router()).await
    }
}

/// A router that can be served: its handlers need no state. The compiler's error names [`Router::with_state`].
#[diagnostic::on_unimplemented(
    message = "the handlers of this router need a state of type `{S}`",
    label = "this router has no state yet",
    note = "give the state before the router is served: `.with_state(state).serve(address)`"
)]
pub trait StateGiven<S> {
    #[doc(hidden)]
    fn router(self) -> Router;
}

#[diagnostic::do_not_recommend]
impl StateGiven<()> for Router {
    fn router(self) -> Router {
        self
    }
}

impl Router {
    fn service(&self) -> &Endpoint {
        self.service.get_or_init(|| {
            let node = |routes: &Vec<usize>| {
                let routes = routes.iter().map(|&index| &self.plan.routes[index]);
                Node {
                    path: routes.clone().next().map_or("", Route::path).into(),
                    methods: routes.map(|route| (route.method().cloned(), route.endpoint())).collect(),
                }
            };
            let table = Table {
                tree: self.plan.tree.clone(),
                nodes: self.plan.nodes.iter().map(node).collect(),
                fallback: self.plan.fallback.clone(),
            };
            let routed = Endpoint::new(move |request| table.answer(request));
            self.plan.layers.iter().fold(routed, |inner, layer| layer(inner))
        })
    }
}

impl<B> Service<http::Request<B>> for Router
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Answer {
        Answer { response: self.service().answer(request.map(Body::new)), vouch: Some(TypeId::of::<Self>()) }
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

    /// A server has a clone for each connection, also for those that are parked.
    #[test]
    fn clones_share_their_routes_until_one_is_changed() {
        let router = Router::new().mount([route("/a")]);
        let clone = router.clone();
        assert!(Arc::ptr_eq(&router.plan, &clone.plan));
        let changed = clone.mount([route("/b")]);
        assert_eq!((router.routes().len(), changed.routes().len()), (1, 2));
    }
}
