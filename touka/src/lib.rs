//! Server-Sent Events from ordinary async functions.

#![cfg_attr(docsrs, feature(doc_cfg))]

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
pub use stream::{Emitter, EventStream};
#[cfg(feature = "macros")]
pub use touka_macros::{route, sse_handler};
