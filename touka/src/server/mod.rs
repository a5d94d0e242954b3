//! The runtime: sockets, connections, limits, shutdown.
//!
//! # Layout
//!
//! A folder imports only from the folders and files above it in this list:
//!
//! - `config`, `meter`, `race`, `axum_routes`, `app`: settings, metrics, and the services that a server can serve.
//! - `address`: the client that a connection or a request counts for.
//! - `limits`: counts of connections, requests and body memory, and what happens at a limit.
//! - `open_streams`, `closing`, `handle`, `shared`: state shared by all connections of a server.
//! - `state`: the state of one connection.
//! - `io`: the bytes of one connection.
//! - `stream`: one open event stream.
//! - `park`: subscriptions that are served without a task each.
//! - `http`: one connection and its requests.
//! - `accept`: listening sockets and new connections.
//! - `server`, `serve`, `behind_proxies`, `handle_layer`: the public API.

mod accept;
mod address;
mod app;
mod axum_routes;
mod behind_proxies;
mod closing;
mod config;
mod handle;
mod handle_layer;
mod http;
mod io;
mod limits;
mod meter;
mod open_streams;
mod park;
mod race;
mod serve;
#[expect(clippy::module_inception, reason = "the folder holds what surrounds a server, the file the server")]
mod server;
mod shared;
mod shutdown;
mod state;
mod stream;

pub use accept::listen::IntoListener;
pub use accept::listener::Listener;
pub use address::client_header::ClientHeader;
pub use address::trusted_proxy::TrustedProxy;
pub use app::{Answers, App, Made, Makes};
#[cfg(feature = "axum")]
pub use axum_routes::{AxumRoutes, TellsRoute};
pub use config::Park;
pub use handle::Handle;
pub use handle_layer::{HandleLayer, Handled};
#[cfg(feature = "tls")]
pub use io::tls::{Tls, rustls};
pub use open_streams::OpenStream;
pub use serve::serve;
pub use server::Server;

pub(crate) use axum_routes::add_axum_routes;
#[cfg(feature = "testing")]
pub(crate) use {http::connection::serve_plain, http::exchange::Serve, io::stall::Io, shared::Shared};
