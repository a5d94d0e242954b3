//! One open event stream: its life, and the task that writes it once it has left hyper.
//!
//! hyper reads the request. If the response is an event stream, hyper is dropped, which returns the socket, and a
//! [`Writer`] writes the response and watches the connection. When the stream has ended, the connection goes back
//! to hyper for its next request. A stream over HTTP/2 stays in hyper.
//!
//! # Layout
//!
//! - `body`: the body of a response, which the server can end if it is a stream.
//! - `watched`: the server's view of a stream that is a body.
//! - `life`: when a stream ends. `span`: the span of its log lines. `content_type`: which responses are streams.
//! - `leave`: which responses leave hyper, and why others do not.
//! - `unwritten`: the bytes that are to be written next.
//! - `writer`: the task.

pub(super) mod body;
pub(super) mod content_type;
mod leave;
pub(super) mod life;
pub(super) mod span;
mod unwritten;
mod watched;
mod writer;

pub(super) use leave::{Leaving, Request, has_special, may_leave, of_connection};
pub(super) use writer::Writer;
