//! [`Plan`], the contents of a router before it serves.

use std::collections::HashMap;
use std::sync::Arc;

use super::endpoint::Endpoint;
use super::group::{Group, LayerFn, Wrap, wrap};
use super::route::{BoxedHandler, Route};
use super::table::{PathRoutes, REST, Table};

/// The routes, fallbacks and layers of a [`Router`](super::Router).
pub(super) struct Plan<S> {
    pub(super) routes: Vec<Route<S>>,
    /// The routes by path, kept up to date so that a conflict panics where the route is mounted.
    tree: matchit::Router<usize>,
    /// For each number in `tree`, the routes of that path, as indices.
    paths: Vec<Vec<usize>>,
    /// The number of each path in `tree`. The tree finds paths of requests, and not patterns.
    numbers: HashMap<String, usize>,
    fallbacks: Vec<Fallback<S>>,
    /// The fallbacks of nested routers by prefix, as indices.
    fallback_tree: matchit::Router<usize>,
    /// Layers around everything that this router answers.
    pub(super) layers: Vec<LayerFn>,
    /// Layers around the routes alone.
    pub(super) route_layers: Vec<LayerFn>,
}

/// The handler of requests that match no route under a prefix.
struct Fallback<S> {
    /// Empty for the fallback of the router itself.
    prefix: String,
    handler: BoxedHandler<S>,
    wraps: Vec<Wrap>,
}

impl<S> Default for Plan<S> {
    fn default() -> Self {
        Self {
            routes: Vec::new(),
            tree: matchit::Router::new(),
            paths: Vec::new(),
            numbers: HashMap::new(),
            fallbacks: Vec::new(),
            fallback_tree: matchit::Router::new(),
            layers: Vec::new(),
            route_layers: Vec::new(),
        }
    }
}

impl<S> Clone for Plan<S> {
    fn clone(&self) -> Self {
        Self {
            routes: self.routes.clone(),
            tree: self.tree.clone(),
            paths: self.paths.clone(),
            numbers: self.numbers.clone(),
            fallbacks: self.fallbacks.clone(),
            fallback_tree: self.fallback_tree.clone(),
            layers: self.layers.clone(),
            route_layers: self.route_layers.clone(),
        }
    }
}

impl<S> Clone for Fallback<S> {
    fn clone(&self) -> Self {
        Self { prefix: self.prefix.clone(), handler: Arc::clone(&self.handler), wraps: self.wraps.clone() }
    }
}

impl<S: Clone + Send + Sync + 'static> Plan<S> {
    #[track_caller]
    pub(super) fn add(&mut self, route: Route<S>) {
        assert!(
            route.path().starts_with('/'),
            "the path {:?} of {} is not valid: it must begin with `/`",
            route.path(),
            route.name()
        );
        if let Some(capture) = repeated_capture(route.path()) {
            panic!(
                "the path {:?} of {} has the capture `{capture}` twice: give one of them another name",
                route.path(),
                route.name()
            );
        }
        let number = self.number_of(&route);
        if let Some(twin) = self.twin(number, &route) {
            panic!(
                "{} and {} both answer {} {}: give one of them another path or method",
                twin.name(),
                route.name(),
                route.method_name(),
                route.path()
            );
        }
        self.paths[number].push(self.routes.len());
        self.routes.push(route);
    }

    /// The number of the route's path, which is made if no route has it yet.
    #[track_caller]
    fn number_of(&mut self, route: &Route<S>) -> usize {
        if let Some(known) = self.numbers.get(route.path()) {
            return *known;
        }
        if let Err(error) = self.tree.insert(route.path(), self.paths.len()) {
            self.reject(route, &error);
        }
        let number = self.paths.len();
        self.numbers.insert(route.path().to_owned(), number);
        self.paths.push(Vec::new());
        number
    }

    /// The route that answers the same method at the same path.
    fn twin(&self, number: usize, route: &Route<S>) -> Option<&Route<S>> {
        let others = self.paths[number].iter().map(|&other| &self.routes[other]);
        others.into_iter().find(|other| other.method() == route.method())
    }

    #[track_caller]
    fn reject(&self, route: &Route<S>, error: &matchit::InsertError) -> ! {
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

    /// Sets the fallback of the router itself.
    pub(super) fn set_fallback(&mut self, handler: BoxedHandler<S>) {
        self.fallbacks.retain(|fallback| !fallback.prefix.is_empty());
        // The indices in `fallback_tree` stay valid: the router's own fallback is the last.
        self.fallbacks.push(Fallback { prefix: String::new(), handler, wraps: Vec::new() });
    }

    /// Takes over the routes and fallbacks of another router, under a prefix.
    #[track_caller]
    pub(super) fn nest(&mut self, other: Self, prefix: &str) {
        assert!(
            prefix.starts_with('/') && !prefix.ends_with('/'),
            "the prefix {prefix:?} must begin with `/` and not end with one, as in \"/api\""
        );
        assert!(
            !captures(prefix).iter().any(|capture| capture.starts_with('*')),
            "the prefix {prefix:?} must not have a capture of several segments: give it to the routes"
        );
        self.absorb(other, prefix);
    }

    /// Takes over the routes and fallbacks of another router, under a prefix or beside the own ones.
    #[track_caller]
    pub(super) fn absorb(&mut self, other: Self, prefix: &str) {
        let around_routes = Wrap::routes(other.route_layers);
        let around_all = Wrap::all(other.layers);
        let strip = (!prefix.is_empty()).then(|| Wrap::strip(prefix));
        for mut route in other.routes {
            route.wraps.extend(around_routes.iter().chain(&around_all).chain(&strip).cloned());
            self.add(route.under(prefix));
        }
        for mut fallback in other.fallbacks {
            fallback.wraps.extend(around_all.iter().chain(&strip).cloned());
            fallback.prefix.insert_str(0, prefix);
            self.add_fallback(fallback);
        }
    }

    #[track_caller]
    fn add_fallback(&mut self, fallback: Fallback<S>) {
        let own = self.fallbacks.iter().position(|other| other.prefix.is_empty());
        let prefix = &fallback.prefix;
        if prefix.is_empty() {
            assert!(
                own.is_none(),
                "both routers have a fallback: remove one of them, or nest one router under a prefix"
            );
            self.fallbacks.push(fallback);
            return;
        }
        if let Some(capture) = repeated_capture(prefix) {
            panic!("the prefix {prefix:?} has the capture `{capture}` twice: give one of them another name");
        }
        let index = own.unwrap_or(self.fallbacks.len());
        for path in [prefix.clone(), format!("{prefix}/"), format!("{prefix}/{{*{REST}}}")] {
            if let Err(error) = self.fallback_tree.insert(path, index) {
                let matchit::InsertError::Conflict { with } = error else {
                    panic!("the prefix {prefix:?} is not valid: {error}")
                };
                let other = with.strip_suffix(&format!("{{*{REST}}}")).unwrap_or(&with).trim_end_matches('/');
                assert!(other != prefix, "two routers nested under {prefix:?} have a fallback: remove one of them");
                panic!(
                    "the routers nested under {other:?} and {prefix:?} have fallbacks for the same paths: remove one of them"
                );
            }
        }
        self.fallbacks.insert(index, fallback);
    }

    /// Gives the handlers their state.
    pub(super) fn bind<S2: 'static>(self, state: &S) -> Plan<S2> {
        let fallbacks = self.fallbacks.into_iter().map(|Fallback { prefix, handler, wraps }| {
            let state = state.clone();
            Fallback { prefix, handler: Arc::new(move |request, _| handler(request, state.clone())), wraps }
        });
        Plan {
            routes: self.routes.into_iter().map(|route| route.bind(state.clone())).collect(),
            tree: self.tree,
            paths: self.paths,
            numbers: self.numbers,
            fallbacks: fallbacks.collect(),
            fallback_tree: self.fallback_tree,
            layers: self.layers,
            route_layers: self.route_layers,
        }
    }
}

impl Plan<()> {
    /// Builds the service that answers requests.
    pub(super) fn build(&self) -> Endpoint {
        let around_routes = Wrap::routes(self.route_layers.clone());
        let of_path = |routes: &Vec<usize>| {
            let routes = routes.iter().map(|&index| &self.routes[index]);
            let first = routes.clone().next();
            let endpoint = |route: &Route| {
                let wraps = route.wraps.iter().chain(&around_routes);
                (route.method().cloned(), wrap(route.endpoint(), wraps))
            };
            let methods: Vec<_> = routes.map(endpoint).collect();
            let around = first.iter().flat_map(|route| &route.wraps).filter(|wrap| !wrap.is_for_routes());
            let not_allowed =
                wrap(Table::not_allowed(methods.iter().filter_map(|(method, _)| method.as_ref())), around);
            PathRoutes { path: first.map_or("", Route::path).into(), methods, not_allowed }
        };
        let table = Table {
            tree: self.tree.clone(),
            paths: self.paths.iter().map(of_path).collect(),
            fallbacks: self.fallbacks.iter().map(Fallback::endpoint).collect(),
            fallback_tree: self.fallback_tree.clone(),
            fallback: self.fallbacks.iter().find(|fallback| fallback.prefix.is_empty()).map(Fallback::endpoint),
        };
        let routed = Endpoint::new(move |request| table.answer(request));
        Group::apply(&self.layers, routed)
    }
}

/// The captures of a path, without their braces. One of several segments begins with `*`.
fn captures(path: &str) -> Vec<String> {
    // `{{` stands for the character.
    let path = path.replace("{{", "");
    path.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0.to_owned())).collect()
}

/// The first name that two captures of a path have. Handlers read captures by name, so one of them would be hidden.
fn repeated_capture(path: &str) -> Option<String> {
    let captures = captures(path);
    let names: Vec<&str> = captures.iter().map(|capture| capture.trim_start_matches('*')).collect();
    names.iter().enumerate().find_map(|(index, name)| names[..index].contains(name).then(|| (*name).to_owned()))
}

impl Fallback<()> {
    fn endpoint(&self) -> Endpoint {
        let handler = Arc::clone(&self.handler);
        wrap(Endpoint::new(move |request| handler(request, ())), &self.wraps)
    }
}
