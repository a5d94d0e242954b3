//! One event: its fields, its wire form, and the types that turn into it.

mod encode;
#[expect(clippy::module_inception, reason = "the folder holds what surrounds an event, the file the event")]
mod event;
mod field;
mod into_event;
mod lines;
#[cfg(feature = "macros")]
#[expect(clippy::missing_errors_doc, clippy::return_self_not_must_use, reason = "only generated code calls it")]
pub(crate) mod sink;

pub use encode::Encoder;
pub use event::Event;
pub use field::{EventId, EventName};
pub use into_event::IntoEvent;
