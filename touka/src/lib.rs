//! Server-Sent Events from ordinary async functions.
//!
//! Annotate a function, emit events from its body, mount it. touka provides the stream, the
//! wire format, keep-alive, back-pressure, disconnects and shutdown.
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
//! # Three layers, each usable without the next
//!
//! 1. **Stream**: [`Event`], [`EventStream`], [`Emitter`]; [`Hub`] and [`Topic`] for events that many clients
//!    follow. This layer needs no server: an [`EventStream`] is a response in any axum app, and a `Stream` in
//!    any test.
//! 2. **Macros**: [`sse_handler`], [`sse!`], [`route`], [`routes!`],
//!    [`derive(IntoEvent)`](derive@IntoEvent). They are sugar: everything that they do can be written by hand with
//!    [`EventStream::generate`], [`routing::Route::new`] and [`event::Encoder`].
//! 3. **Runtime**: [`Router`] and [`Server`]. The router is a tower service and mounts in axum; the
//!    server serves any tower service, such as an `axum::Router`.
//!
//! Extractors and responses use axum-core's traits, so those of axum and its ecosystem work in a handler as
//! they are. [`extract`], [`response`], [`http`] and [`body`] re-export everything that the signature of a handler
//! needs.
//!
//! # Guarantees for a handler
//!
//! - **Back-pressure**: `emit!` waits until the connection has taken the event.
//! - **Disconnects**: when the client leaves, the body is dropped at its current await,
//!   within a second. Cleanup belongs in a `Drop`.
//! - **Isolation**: an error or a panic ends its own stream only, with an `error` event that
//!   has a status and no text.
//! - **A safe wire**: no value that can be sent forges a field or an event.
//!
//! # One event, many clients
//!
//! A [`Topic`] is one log of events: publish to it from anywhere, and return its
//! [`subscribe`](Topic::subscribe) from a handler. Per topic, every subscriber sees events in publish order, each at
//! most once; a subscriber that reconnects with its last id within the retention misses none; if that cannot
//! be proven, it gets a `gap` event first. A [`Hub`] has the topics of an app: in memory, on disk, or
//! on a Redis that several processes share.
//!
//! # Bodies that outlive their client
//!
//! A [`Run`] is a body that publishes to a topic of its own, on a task of its own: the answer of a language model, or a job.
//! The client that starts it is only its first viewer. [`Hub::run`] starts it, follows it and stops it, on any node.
//!
//! # An existing axum app
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
//! [`serve`] takes that app in place of `axum::serve`. With the feature `axum` it has the app's routes in metrics and
//! spans, and provides axum's `ConnectInfo`. Under axum's own server a graceful shutdown waits for every
//! stream; [`Handle::layer`](server::Handle::layer) ends them.
//!
//! # Guides
//!
//! | page | about |
//! |---|---|
//! | [`guides::cookbook`] | whole programs: chat, sessions, notifications, MCP, chat completions, shutdown, scale |
//! | [`guides::topics`] | topics |
//! | [`guides::runs`] | bodies that outlive their client |
//! | [`guides::contract`] | an OpenAPI document and a TypeScript client, from the handlers |
//! | [`guides::scaling`] | several processes with one Redis |
//! | [`guides::axum`], [`guides::from_axum`] | touka in an axum app, and the way from axum's `Sse` |
//! | [`guides::deploying`], [`guides::observability`] | proxies, systemd, containers, TLS; logs and metrics |
//! | [`guides::credentials`] | streams that end with a session or a token |
//! | [`guides::clients`] | clients that deviate from the standard |
//! | [`guides::from_go`] | the way from Go's touka |
//!
//! # Layout
//!
//! - [`guides`]: a page for each subject.
//! - [`event`]: one event, its fields and its wire form.
//! - [`stream`]: from an emitting body to an [`EventStream`], with its keep-alive and its end.
//! - [`topic`]: logs of events that many clients follow, each from its own position.
//! - [`run`]: bodies that outlive their client.
//! - [`response`]: return types of handlers; an [`EventStream`] as head and frames.
//! - [`extract`]: parameters of handlers.
//! - [`server`]: sockets, connections, shutdown.
//! - [`routing`]: from a path to a handler.
//! - `openapi`: the contract of an app, with the feature of that name.
//! - `testing`: the test kit, with the feature of that name.
//! - [`http`], [`body`]: the crate `http`, and axum-core's bodies.
//!
//! # Features
//!
//! `macros` (on): the macros. Without it the crate does not depend on syn.
//!
//! `http2` (on): HTTP/2 next to HTTP/1.1, on the same port.
//!
//! `tls` (off): HTTPS by rustls, with certificates that can be replaced while the server runs.
//!
//! `axum` (off): an `axum::Router` in touka's server has its routes in metrics and spans, and
//! `ConnectInfo`. Only this feature depends on axum.
//!
//! `disk` (off): [`Hub`]s that keep the events of their topics in a file, by redb.
//!
//! `redis` (off): [`Hub`]s that keep the events of their topics on a Redis, for any number of processes. TLS to Redis
//! needs the feature `tls` too.
//!
//! `nats` (off): the same on NATS servers with `JetStream`.
//!
//! `openapi` (off): `Router::openapi`, an `OpenAPI` document from the handlers, and `Router::typescript`, a client.
//!
//! `metrics` (off): metrics of streams and requests, for the `metrics` facade.
//!
//! `testing` (off): `touka::testing`, which runs an app in memory for tests of its handlers.
//!
//! This crate has no unsafe code, and its macros generate none.

// docs.rs sets `docsrs`: each item shows the feature that it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[doc(hidden)]
pub mod __private;
mod error;
pub mod event;
pub mod extract;
// The pages' examples need these features. `doc` is set for doc tests too.
#[cfg(all(
    doc,
    any(
        not(doctest),
        all(
            feature = "axum",
            feature = "disk",
            feature = "macros",
            feature = "openapi",
            feature = "testing",
            feature = "tls"
        )
    )
))]
#[cfg_attr(docsrs, doc(auto_cfg = false))]
pub mod guides;
#[cfg(feature = "openapi")]
pub mod openapi;
pub mod response;
pub mod routing;
pub mod run;
pub mod server;
pub mod stream;
mod sync;
#[cfg(feature = "testing")]
pub mod testing;
pub mod topic;

pub use axum_core::body;
pub use http;

pub use error::{CloseReason, Error, Result};
pub use event::{Event, EventId, EventName, IntoEvent};
pub use routing::Router;
pub use run::Run;
pub use server::{Server, serve};
pub use stream::{Emitter, EventSender, EventStream, EventWriter};
pub use topic::{Hub, HubError, Topic};
#[cfg(feature = "macros")]
pub use touka_macros::{route, sse_handler};

/// Implements [`IntoEvent`](trait@IntoEvent), so that values of the type are events: each variant of an enum, or a
/// struct.
///
/// ```
/// use serde::Serialize;
/// use touka::IntoEvent;
///
/// #[derive(Serialize)]
/// struct Usage {
///     input: u32,
/// }
///
/// #[derive(IntoEvent)]
/// enum Chat {
///     // The name in kebab-case, the fields as JSON.
///     Token { text: &'static str },
///     // One field without a name: its own JSON.
///     #[event(name = "usage")]
///     Billed(Usage),
///     // The id is a field of the event, not of the data.
///     Moved { #[event(id)] seq: u64, x: f64, y: f64 },
///     // Text as it is, not JSON.
///     #[event(data = "text")]
///     Log(String),
///     // No payload: empty data.
///     TurnIsOver,
///     // The default name, for `onmessage`.
///     #[event(name = "message", data = "text")]
///     Done(&'static str),
/// }
///
/// let wire = |event: Chat| event.into_event().unwrap().to_string();
/// assert_eq!(wire(Chat::Token { text: "Hi" }), "event: token\ndata: {\"text\":\"Hi\"}\n\n");
/// assert_eq!(wire(Chat::Billed(Usage { input: 3 })), "event: usage\ndata: {\"input\":3}\n\n");
/// assert_eq!(wire(Chat::Moved { seq: 9, x: 1.5, y: 2.0 }), "id: 9\nevent: moved\ndata: {\"x\":1.5,\"y\":2.0}\n\n");
/// assert_eq!(wire(Chat::Log("two\nlines".into())), "event: log\ndata: two\ndata: lines\n\n");
/// assert_eq!(wire(Chat::TurnIsOver), "event: turn-is-over\ndata: \n\n");
/// assert_eq!(wire(Chat::Done("[DONE]")), "data: [DONE]\n\n");
/// ```
#[cfg(feature = "macros")]
pub use touka_macros::IntoEvent;

/// The examples of the README, compiled.
#[cfg(all(doctest, feature = "macros"))]
#[doc = include_str!("../README.md")]
struct Readme;
