//! One connection and its requests, from the first byte to the handover of an event stream.
//!
//! # Layout
//!
//! - `connection`: chooses the protocol. `http1`, `http2`: hyper's connections. `http2_tasks`: their tasks.
//! - `exchange`: one request and its response. `host`: the `Host` header.
//! - `request_body`, `body_pace`: limits of request bodies.
//! - `pieces`: a response's body in small pieces.
//! - `exit`: the handover of a response to `stream` or `park`.
//! - `bad_request`, `overload`: responses that the server itself makes.
//! - `grace`: how long an idle connection is kept at a shutdown.

pub(super) mod bad_request;
pub(super) mod body_pace;
pub(super) mod connection;
pub(super) mod exchange;
pub(super) mod exit;
pub(super) mod grace;
pub(super) mod host;
pub(super) mod http1;
#[cfg(feature = "http2")]
pub(super) mod http2;
#[cfg(feature = "http2")]
pub(super) mod http2_tasks;
pub(super) mod overload;
pub(super) mod pieces;
pub(super) mod request_body;
