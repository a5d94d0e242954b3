//! One event: its fields, its wire form, and the types that turn into it.

mod decode;
mod encode;
mod encoder;
#[expect(clippy::module_inception, reason = "the folder holds what surrounds an event, the file the event")]
mod event;
mod field;
mod id;
mod into_event;
mod into_field;
mod lines;
mod name;
#[cfg(feature = "macros")]
#[expect(clippy::missing_errors_doc, reason = "only generated code calls it")]
pub(crate) mod reading;
#[cfg(feature = "macros")]
#[expect(clippy::missing_errors_doc, clippy::return_self_not_must_use, reason = "only generated code calls it")]
pub(crate) mod sink;

pub use encoder::Encoder;
pub use event::Event;
pub use id::EventId;
pub use into_event::IntoEvent;
pub use into_field::{IntoEventId, IntoEventName};
pub use name::EventName;
