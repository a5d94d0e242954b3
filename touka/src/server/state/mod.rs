//! The state of one connection, shared by its socket, its requests and its responses.
//!
//! # Layout
//!
//! - `connection_state`: the state itself. `activity`: whether the connection is idle.
//! - `call`: one request under way. `request_end`: where a request ends. `leftover`: the unread rest of its body.
//! - `writing`: the streams that are written to the socket. `sent`: the unsent bytes of an HTTP/2 response.
//! - `http2_response`: what the body of an HTTP/2 response tells the task that writes it.
//! - `again`: how a connection goes back to hyper after a stream.

pub(super) mod activity;
pub(super) mod again;
pub(super) mod call;
pub(super) mod connection_state;
#[cfg(feature = "http2")]
pub(super) mod http2_response;
pub(super) mod leftover;
pub(super) mod request_end;
pub(super) mod sent;
pub(super) mod writing;
