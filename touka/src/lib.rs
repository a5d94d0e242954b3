//! Server-Sent Events from ordinary async functions.
//!
//! Annotate a function, emit events from its body, mount it. touka does the rest: the stream, the
//! wire format, keep-alive, back-pressure, disconnects, shutdown.
//!
//! ```no_run
//! use std::time::Duration;
//! use touka::{Event, Router, route, routes, sse_handler};
//!
//! /// The server's clock, once a second.
//! #[sse_handler]
//! #[route(GET, "/clock")]
//! async fn clock() {
//!     for tick in 0u64.. {
//!         emit!(Event::data(format!("tick {tick}")).id(tick));
//!         tokio::time::sleep(Duration::from_secs(1)).await;
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> touka::Result<()> {
//!     Router::new().mount(routes![clock]).serve("127.0.0.1:3000").await
//! }
//! ```
//!
//! # Three layers, each of use without the next
//!
//! 1. **Stream**: [`Event`], [`EventStream`], [`Emitter`]. It knows no server: an [`EventStream`]
//!    is a response in any axum app, and a `Stream` in any test.
//! 2. **Macros**: [`sse_handler`], [`sse!`], [`route`], [`routes!`]. Sugar only: what they do can
//!    be written by hand with [`EventStream::generate`] and [`routing::Route::new`].
//! 3. **Runtime**: [`Router`] and [`Server`]. The router is a tower service and mounts in axum; the
//!    server serves any tower service, an `axum::Router` too.
//!
//! Extractors and responses are axum-core's: those of axum and its ecosystem work in a handler as
//! they are.
//!
//! # What a handler can count on
//!
//! - **Back-pressure**: `emit!` waits until the connection has taken the event.
//! - **Disconnects**: when the client leaves, the body is dropped at the await where it stands,
//!   within a second. What must be undone belongs in a `Drop`.
//! - **Failures stay its own**: an error or a panic ends this stream, with an `error` event that
//!   carries a status and nothing else, and touches no other.
//! - **Nothing breaks the wire**: no value that can be sent forges a field or an event.
//!
//! # An axum app that is there already
//!
//! ```
//! use axum::routing::get;
//! use touka::sse_handler;
//!
//! #[sse_handler]
//! async fn greetings(axum::extract::Path(name): axum::extract::Path<String>) {
//!     emit!(format!("hello {name}"));
//! }
//!
//! let app: axum::Router = axum::Router::new().route("/greetings/{name}", get(greetings));
//! ```
//!
//! # Layout
//!
//! - [`event`]: one event, its fields and its wire form.
//! - [`stream`]: from an emitting body to an [`EventStream`], with its keep-alive and its end.
//! - `response`: an [`EventStream`] as head and frames.
//! - [`extract`]: what a handler takes from its request.
//! - [`server`]: sockets, connections, shutdown.
//! - [`routing`]: from a path to a handler.
//!
//! # Features
//!
//! `macros` (on): the attributes. Without it the crate has no compile-time dependency on syn.
//!
//! There is no unsafe code in this crate, and its macros generate none.

#[doc(hidden)]
pub mod __private;
mod error;
pub mod event;
pub mod extract;
mod response;
pub mod routing;
pub mod server;
pub mod stream;

pub use error::{CloseReason, Error, Result};
pub use event::{Event, EventId, EventName, IntoEvent};
pub use routing::Router;
pub use server::{Server, serve};
pub use stream::{Emitter, EventSender, EventStream, EventWriter};
#[cfg(feature = "macros")]
pub use touka_macros::{route, sse_handler};

/// The README's example, compiled.
#[cfg(all(doctest, feature = "macros"))]
#[doc = include_str!("../../README.md")]
struct Readme;
