//! A server on a socket: its protocols, its limits on clients, its handle, and panics in user code.

mod axum_app;
mod axum_streams;
mod bad_input;
mod close_reason;
mod cors;
mod extremes;
#[path = "../figures.rs"]
mod figures;
mod handle;
mod handle_layer;
mod http2;
mod metrics;
mod no_body;
mod overload;
mod panicking_apps;
mod panics;
mod smuggling;
mod sockets;
mod tls;
mod too_many_streams;
mod wire;
