//! `routes!`, the list of routes that a router mounts.

/// Lists functions that have a `#[route]`, for [`Router::mount`](crate::Router::mount) and
/// [`Router::nest`](crate::Router::nest).
///
/// ```
/// use touka::{Router, route, routes};
///
/// mod api {
///     use touka::route;
///
///     #[route(GET, "/health")]
///     pub async fn health() -> &'static str {
///         "fine"
///     }
/// }
///
/// #[route(GET, "/")]
/// async fn index() -> &'static str {
///     "hello"
/// }
///
/// let router: Router = Router::new().mount(routes![index, api::health]);
/// ```
///
/// With the feature `openapi`, `contract!` lists functions in the same way, and puts them into the OpenAPI document and the
/// TypeScript client of the app.
///
/// # Grammar
/// `routes![` paths of annotated functions, separated by commas `]`.
///
/// # What it generates
/// An array of [`Route`](crate::routing::Route)s. `#[route]` puts a hidden type next to the function, with the
/// same name, and this macro calls that type to make the route.
///
/// # Limits
/// A function without `#[route]` fails to compile, with ``expected type, found function``: annotate it, or make a
/// `Route` by hand.
#[macro_export]
macro_rules! routes {
    ($($handler:path),* $(,)?) => {
        [$(<$handler>::__touka_route()),*]
    };
    ($($other:tt)*) => {
        ::core::compile_error!("routes! takes the paths of functions that have a #[route], as in routes![clock, api::room]")
    };
}
