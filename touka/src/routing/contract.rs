//! `contract!`, the list of routes that are in the contract, and the contract of a [`Router`].

use bytes::Bytes;
use http::Method;
use http::header::CONTENT_TYPE;
use serde_json::Value;

use super::route::Route;
use super::router::Router;
use crate::openapi::{Info, Operations, document, typescript};

/// Lists functions that have a `#[route]`, as [`routes!`](crate::routes!) does, and puts them into the contract:
/// [`Router::openapi`](crate::Router::openapi) and [`Router::typescript`](crate::Router::typescript) describe them.
///
/// ```
/// use touka::openapi::Info;
/// use touka::{Router, contract, route, routes};
///
/// /// Greets.
/// #[route(GET, "/greet/{name}")]
/// async fn greet(name: String) -> String {
///     format!("hello {name}")
/// }
///
/// #[route(GET, "/internal/health")]
/// async fn health() {}
///
/// let router: Router = Router::new().mount(contract![greet]).mount(routes![health]);
/// let document = router.openapi(Info::new("Greeter", "1.0.0"));
/// assert_eq!(document["paths"]["/greet/{name}"]["get"]["summary"], "Greets.");
/// assert!(document["paths"].get("/internal/health").is_none());
/// ```
///
/// # Limits
/// A type without a schema fails to compile here, and the message names it: derive `schemars::JsonSchema` for it. In
/// `routes!` the same function compiles. What a return type of `impl IntoResponse` answers is not described.
#[macro_export]
macro_rules! contract {
    ($($handler:path),* $(,)?) => {
        [$(<$handler>::__touka_described_route()),*]
    };
    ($($other:tt)*) => {
        ::core::compile_error!("contract! takes the paths of functions that have a #[route], as in contract![clock, api::room]")
    };
}

/// The contract, with the feature `openapi`.
impl<S: Clone + Send + Sync + 'static> Router<S> {
    /// The OpenAPI 3.2 document of the routes of [`contract!`](crate::contract!). Other routes, those for every method and
    /// fallbacks are not in it.
    ///
    /// A stream is described as `text/event-stream` with `itemSchema`: one branch for each event name, of which exactly one
    /// is valid for an event. The events that touka sends have branches too: `error`, `gap`, the last events.
    pub fn openapi(&self, info: Info) -> Value {
        document(self.operations(), info)
    }

    /// Adds a route that serves the [document](Self::openapi) of the routes that the router has now. The route is not in
    /// the contract itself.
    ///
    /// ```
    /// use touka::openapi::Info;
    /// use touka::{Router, contract, route};
    ///
    /// #[route(GET, "/health")]
    /// async fn health() {}
    ///
    /// let router: Router =
    ///     Router::new().mount(contract![health]).mount_openapi("/openapi.json", Info::new("Shop", "1.0.0"));
    /// ```
    ///
    /// # Panics
    /// As [`Router::mount`].
    #[must_use]
    #[track_caller]
    pub fn mount_openapi(self, path: &str, info: Info) -> Self {
        let document = Bytes::from(self.openapi(info).to_string());
        let route = Route::new(Method::GET, path, move |_, _| {
            std::future::ready(([(CONTENT_TYPE, "application/openapi+json;version=3.2")], document.clone()))
        });
        self.mount([route.named("the OpenAPI document")])
    }

    /// The TypeScript client of the routes of [`contract!`](crate::contract!): one file without dependencies, with a
    /// function for each route.
    ///
    /// The functions are in objects like the modules of the handlers: `api.rooms.listen(…)` for `rooms::listen` in the
    /// crate. That of a stream returns an async iterable of a union, which is discriminated by the event's name.
    ///
    /// ```
    /// use touka::{Router, contract, route};
    ///
    /// #[route(GET, "/greet/{name}")]
    /// async fn greet(name: String) -> String {
    ///     format!("hello {name}")
    /// }
    ///
    /// let router: Router = Router::new().mount(contract![greet]);
    /// assert!(router.typescript().contains("greet(params: { name: string }, options?: CallOptions): Promise<string>"));
    /// ```
    pub fn typescript(&self) -> String {
        typescript(&self.operations())
    }

    fn operations(&self) -> Operations {
        Operations::of(self.routes().filter_map(Route::routed))
    }
}
