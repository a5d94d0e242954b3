//! `routes!`, the list that a router mounts.

/// Lists handlers that have a `#[route]`, for [`Router::mount`](crate::Router::mount) and
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
/// # Grammar
/// `routes![` paths of annotated functions, separated by commas `]`.
///
/// # What it generates
/// An array of [`Route`](crate::routing::Route)s. `#[route]` puts a hidden type of the function's
/// name beside it, which makes the route; the macro asks that type.
///
/// # Limits
/// A function without `#[route]` is `expected type, found function`: annotate it, or make a
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
