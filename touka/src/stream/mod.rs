//! Streams of events, from the emitting body to the value that becomes a response.

mod alarm;
mod batch;
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
mod generator;
mod guard;
mod handler_error;
mod jitter;
mod keep_alive;
mod last_words;
mod lifecycle;
mod link;
mod meter;
mod opening;
mod options;
mod origin;
mod pace;
mod queue;
mod recheck;
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

pub(crate) use batch::{Batch, Out};
#[cfg(feature = "testing")]
pub(crate) use blocking::hold_paused_clocks;
pub(crate) use contained::contained;
pub(crate) use credential::Credential;
pub(crate) use event_stream::SubscriptionParts;
pub(crate) use failure::Failure;
pub(crate) use guard::{Panic, catch, drop_guarded, guarded, log_panic};
pub(crate) use jitter::{random, spread, within};
pub(crate) use keep_alive::{KeepAlive, Silence};
pub(crate) use last_words::last_words;
pub(crate) use lifecycle::Lifecycle;
pub(crate) use link::{Link, mark};
pub(crate) use meter::describe;
pub(crate) use options::Options;
pub(crate) use source::{Abort, Source, Step};
