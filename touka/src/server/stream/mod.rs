//! Streams that have left hyper: their responses are written by a small task each.
//!
//! hyper reads the request. When its answer is an event stream, hyper is dropped, which gives the socket
//! back, and a [`Writer`] writes the response and watches the connection. When the stream has ended, the
//! connection goes back to hyper for its next request.
//!
//! # Layout
//!
//! - `leave`: which responses leave hyper, and why others do not.
//! - `head`: the bytes of a response's head.
//! - `unwritten`: what is to be written next.
//! - `writer`: the task.

mod head;
mod leave;
mod unwritten;
mod writer;

pub(super) use head::head;
pub(super) use leave::{Leaving, Request, has_special, may_leave, of_connection};
pub(super) use writer::Writer;
