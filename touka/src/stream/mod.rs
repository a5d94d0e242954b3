//! Streams of events, from the emitting body to the value that becomes a response.
//!
//! # Layout
//!
//! A file imports only from files above it.
//!
//! - `guard`, `contained`, `shielded`: panics of user code.
//! - `jitter`, `wakers`, `alarm`, `deadline`: small tools.
//! - `first_reason`, `link`, `meter`, `lifecycle`: how a stream opens and ends, and who knows of it.
//! - `failure`, `options`, `keep_alive`: what the response sends besides the body's events.
//! - `recheck`, `credential`: conditions that end a stream besides its body.
//! - `pace`, `frame_buffer`, `slot`, `emitter`: an event's way from an emit into a frame.
//! - `last_bytes`: the last bytes of a stream.
//! - `source`, `origin`, `event_stream`, `expiry`: a stream, whatever produces its events.
//! - `opening`: the wait of a body that can fail, until its response opens.
//! - `list`, `generator`, `writer`, `channel`, `blocking`, `queue`: the modes, each a source of events.
//! - `sse`: the macro.

mod alarm;
mod blocking;
mod channel;
mod contained;
mod credential;
mod deadline;
mod emitter;
mod event_stream;
mod expiry;
mod failure;
mod first_reason;
mod frame_buffer;
mod generator;
mod guard;
mod handler_error;
mod jitter;
mod keep_alive;
mod last_bytes;
mod lifecycle;
mod link;
mod list;
mod meter;
mod opening;
mod options;
mod origin;
mod pace;
mod queue;
mod recheck;
mod shielded;
mod slot;
mod source;
#[cfg(feature = "macros")]
mod sse;
mod wakers;
mod writer;

pub use channel::{EventSender, SendError, TrySendError};
pub use deadline::Deadline;
pub use emitter::{Emit, Emitter};
pub use event_stream::EventStream;
pub use handler_error::HandlerError;
pub use opening::Opening;
pub use writer::EventWriter;

#[cfg(feature = "testing")]
pub(crate) use blocking::hold_paused_clocks;
pub(crate) use contained::contained;
pub(crate) use credential::Credential;
pub(crate) use event_stream::SubscriptionParts;
pub(crate) use failure::Failure;
pub(crate) use frame_buffer::{FrameBuffer, Out};
pub(crate) use guard::{Dropping, Panic, catch, drop_guarded, guarded, log_panic, notify_guarded};
pub(crate) use jitter::{random, spread, within};
pub(crate) use keep_alive::{KeepAlive, Silence};
pub(crate) use last_bytes::last_bytes;
pub(crate) use lifecycle::Lifecycle;
pub(crate) use link::{Link, frame_id};
pub(crate) use meter::describe;
pub(crate) use options::Options;
pub(crate) use shielded::shielded;
pub(crate) use source::{Abort, Source, Step};
