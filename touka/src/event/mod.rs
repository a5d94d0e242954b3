//! One event: its fields, its wire form, and the types that convert into it.
//!
//! # Layout
//!
//! A file imports only from files above it.
//!
//! - `field`, `name`, `id`: field values that are checked when they are made.
//! - `lines`, `encoder`: the wire form, field by field.
//! - `into_field`, `event`, `encode`, `decode`: an event as a value, and its way to the wire and back.
//! - `into_event`: the trait of types that are sent as events.
//! - `sink`, `reading`, `folding`: what the derive of that trait generates calls to.

mod decode;
mod encode;
mod encoder;
#[expect(clippy::module_inception, reason = "the folder holds what surrounds an event, the file the event")]
mod event;
mod field;
#[cfg(feature = "macros")]
pub(crate) mod folding;
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
