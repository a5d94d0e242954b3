//! From the path of a request to the handler that answers it.
//!
//! # Layout
//!
//! - `router`: the public API; `plan`: the contents of a router before it serves.
//! - `route`, `routes`: one route; the list that a router mounts.
//! - `contract`: the list of routes of the contract, and the contract itself.
//! - `serve`: serves a router that has its state.
//! - `handler`: an async function of extractors, as a fallback takes one.
//! - `table`: finds the endpoint of a request.
//! - `endpoint`, `group`: a service with its type erased; the layers and prefixes around it.

#[cfg(feature = "openapi")]
mod contract;
mod endpoint;
mod group;
mod handler;
mod plan;
mod route;
mod router;
mod routes;
mod serve;
mod table;

pub use endpoint::Endpoint;
pub use handler::Handler;
pub use route::Route;
pub use router::Router;
