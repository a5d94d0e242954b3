//! The runtime: sockets, connections, limits, shutdown.

mod activity;
mod admission;
mod again;
mod app;
mod axum_routes;
mod backlog;
mod behind_proxies;
mod body_budget;
mod call;
mod chunk;
mod client;
mod client_header;
mod closing;
mod connection;
mod counts;
mod descriptors;
mod drain;
mod exchange;
mod exit;
mod explain;
mod grace;
mod handle;
mod handle_layer;
mod host;
mod http1;
#[cfg(feature = "http2")]
mod http2;
mod leftover;
mod life;
mod limits;
mod listen;
mod listener;
mod meter;
mod overload;
mod pace;
mod park;
mod parking;
mod peer;
mod pieces;
mod port;
mod proxies;
mod proxy_protocol;
mod race;
mod request_body;
mod request_end;
mod sent;
mod serve;
#[expect(clippy::module_inception, reason = "the folder holds what surrounds a server, the file the server")]
mod server;
mod serving;
mod shutdown;
#[cfg(feature = "http2")]
mod sniff;
mod socket;
mod stall;
mod stream;
mod streams;
#[cfg(feature = "http2")]
mod tasks;
#[cfg(feature = "tls")]
mod tls;
mod transport;
mod trusted_proxy;
#[cfg(unix)]
mod unix;
mod waiting;
mod wire;
mod writing;

pub use app::{Answers, App, Made, Makes};
#[cfg(feature = "axum")]
pub use axum_routes::{AxumRoutes, TellsRoute};
pub use client_header::ClientHeader;
pub use handle::Handle;
pub use handle_layer::{HandleLayer, Handled};
pub use listen::IntoListener;
pub use listener::Listener;
pub use parking::Park;
pub use serve::serve;
pub use server::Server;
pub use streams::OpenStream;
#[cfg(feature = "tls")]
pub use tls::{Tls, rustls};
pub use trusted_proxy::TrustedProxy;

pub(crate) use axum_routes::told;
#[cfg(feature = "testing")]
pub(crate) use {connection::serve_plain, exchange::Serve, serving::Serving, stall::Io};
