//! From a request's path to the handler that answers it.

mod endpoint;
mod route;
mod router;
mod routes;
mod table;

pub use endpoint::Endpoint;
pub use route::Route;
pub use router::Router;
