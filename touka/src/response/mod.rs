//! Responses: what a handler can return, and an [`EventStream`](crate::EventStream) as head and frames.
//!
//! A handler returns any [`IntoResponse`], which is axum-core's trait, so the responses of axum and its ecosystem
//! work as they are: text, a status, [`Html`], [`Json`], [`Redirect`], an [`EventStream`](crate::EventStream), a
//! `Result` of two of them. A tuple puts a status and headers in front:
//!
//! ```
//! use touka::http::header::SET_COOKIE;
//! use touka::response::IntoResponse;
//! use touka::{EventStream, route};
//!
//! #[route(GET, "/feed")]
//! async fn feed() -> impl IntoResponse {
//!     let events: EventStream = EventStream::generate(|out| async move {
//!         out.emit("hello").await;
//!     });
//!     ([(SET_COOKIE, "seen=1")], events)
//! }
//! ```
//!
//! # One error for all errors
//!
//! [`Result<T>`](Result) is a result whose error, [`ErrorResponse`], takes any [`IntoResponse`] by `?`: a status, a
//! [`HubError`](crate::HubError), a rejection, a tuple of a status and a text. It is axum's type as well.
//!
//! ```
//! use touka::extract::{LastEventId, State};
//! use touka::response::{Result, StatusCode};
//! use touka::{EventStream, Hub, route, sse_handler};
//!
//! /// A status, and an error of a topic.
//! #[route(GET, "/rooms/{room}")]
//! async fn room(State(hub): State<Hub>, room: String, from: LastEventId) -> Result<EventStream> {
//!     if room == "closed" {
//!         return Err((StatusCode::GONE, "this room is closed").into());
//!     }
//!     Ok(hub.topic(room)?.subscribe(from).await?)
//! }
//!
//! /// The same type in a body that emits.
//! #[sse_handler]
//! #[route(GET, "/lines/{from}")]
//! async fn lines(from: usize) -> Result<EventStream> {
//!     let text = std::fs::read_to_string("lines.txt").map_err(|_| StatusCode::NOT_FOUND)?;
//!     for line in text.lines().skip(from) {
//!         emit!(line);
//!     }
//! }
//! ```
//!
//! # Layout
//!
//! - `head`, `body`, `flush`: a stream's headers and frames; `subscribed`: the body of a subscription.
//! - `stream_extension`: what the response of a stream tells the server.
//! - `refusal`: touka's errors as responses.
//! - `html`, `json`, `redirect`: a response each.
//! - `answer`, `catch_panic`: a service's and a handler's response, whatever happens.
//! - `bodiless`: a response of which only the head is sent.

mod answer;
mod bodiless;
mod body;
#[cfg(test)]
mod body_tests;
mod catch_panic;
mod flush;
mod head;
mod html;
mod json;
mod redirect;
mod refusal;
mod stream_extension;
mod subscribed;

pub use axum_core::response::{
    AppendHeaders, ErrorResponse, IntoResponse, IntoResponseParts, Response, ResponseParts, Result,
};
pub use html::Html;
pub use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
pub use json::Json;
pub use redirect::Redirect;

pub(crate) use answer::answer;
pub(crate) use bodiless::{forbids_body, without_body};
pub(crate) use catch_panic::catch_panic;
pub(crate) use head::Head;
pub(crate) use refusal::{FAILED, refusal, stream_later};
pub(crate) use stream_extension::StreamExtension;
pub(crate) use subscribed::Parts;
