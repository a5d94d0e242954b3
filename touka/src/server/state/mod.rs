//! The state of one connection, shared by its socket, its requests and its responses.
//!
//! # Layout
//!
//! - `connection_state`: the state itself. `phase`: the protocol, and how it ends. `activity`: whether the connection
//!   is idle.
//! - `call`: one request in progress. `request_end`: where a request ends. `leftover`: the unread rest of its body.
//! - `writing`: the streams that are written to the socket. `sent`: the unsent bytes of an HTTP/2 response.
//! - `http2_response`: state that the body of an HTTP/2 response shares with the task that writes it.
//! - `again`: returns a connection to hyper after a parked stream.

pub(super) mod activity;
pub(super) mod again;
pub(super) mod call;
pub(super) mod connection_state;
#[cfg(feature = "http2")]
pub(super) mod http2_response;
pub(super) mod leftover;
pub(super) mod phase;
pub(super) mod request_end;
pub(super) mod sent;
pub(super) mod writing;
