//! The test kit: an app in memory, and clients that read its events.
//!
//! The module needs the feature `testing`, which belongs under `[dev-dependencies]`:
//!
//! ```toml
//! [dev-dependencies]
//! touka = { version = "0.1", features = ["testing"] }
//! tokio = { version = "1", features = ["macros", "rt", "test-util"] }
//! ```
//!
//! A complete test of a handler:
//!
//! ```
//! use std::time::Duration;
//! use touka::{Event, Router, route, routes, sse_handler, testing::TestApp};
//!
//! /// The server's clock, once a minute.
//! #[sse_handler]
//! #[route(GET, "/clock")]
//! async fn clock() {
//!     for tick in 0u64.. {
//!         emit!(Event::data(tick.to_string()).event("tick").id(tick));
//!         tokio::time::sleep(Duration::from_secs(60)).await;
//!     }
//! }
//!
//! // #[tokio::test(start_paused = true)]
//! async fn the_clock_ticks_once_a_minute() {
//!     let app = TestApp::new(Router::new().mount(routes![clock]));
//!
//!     let mut events = app.get("/clock").events().await;
//!     let first = events.next_event().await.unwrap();
//!     assert_eq!((first.name.as_str(), first.data.as_str()), ("tick", "0"));
//!
//!     // The clock is paused: a minute passes at once.
//!     events.assert_silent(Duration::from_secs(59)).await;
//!     assert_eq!(events.next_json::<u64>().await, 1);
//!
//!     // Keep-alive comments were sent in between.
//!     assert!(events.comments().len() >= 3);
//!
//!     // When the client leaves, the handler ends.
//!     events.disconnect();
//!     app.assert_nothing_left().await;
//! }
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
//! #     .block_on(the_clock_ticks_once_a_minute());
//! ```
//!
//! # What is real and what is not
//!
//! Requests and responses pass through hyper on both sides and through the code that serves the
//! connections of a [`Server`](crate::Server). Only the socket is replaced, by a pipe in memory. So
//! nothing waits for a network, and with `start_paused = true` the clock advances exactly when the
//! handler and the client are both idle.
//!
//! # When a test fails
//!
//! Everything here asserts: a failure is a panic that says what was expected, what came, and at
//! which line of the test. Every wait has a timeout, 5 s of tokio's time unless
//! [`TestApp::timeout`] sets another, so no test hangs: see [`Wait`]. A handler that blocks its
//! thread without an await cannot be timed out.
//!
//! # Layout
//!
//! A file imports only from files above it.
//!
//! - `wait`: timeouts, and how a test fails.
//! - `received`, `parser`: from bytes to events, by the standard.
//! - `pipe`, `watch`, `client`: the connection from the server's end to the client's, and the counts
//!   of what is alive.
//! - `cookies`, `target`, `outgoing`: the app and its settings, and a request to it.
//! - `reader`, `response`, `events`, `opening`: a response, and an event stream as its client reads it.
//! - `request`, `app`: what a test begins with.
//! - `cluster/`: hubs that share their topics, whose nodes crash when a test says so.
//! - `engine/`: a suite for engines, which keep the events of topics.

#![allow(clippy::missing_panics_doc, reason = "every method of the test kit asserts")]

mod app;
mod client;
mod cluster;
mod cookies;
mod engine;
mod events;
mod opening;
mod outgoing;
mod parser;
mod pipe;
mod reader;
mod received;
mod request;
mod response;
mod target;
mod wait;
mod watch;

pub use app::TestApp;
pub use cluster::{TestCluster, TestNode};
pub use engine::{Nodes, check_engine};
pub use events::Events;
pub use parser::Parser;
pub use received::Received;
pub use request::TestRequest;
pub use response::TestResponse;
pub use wait::Wait;
