//! Topics: one log of events that any number of clients follow, each from its own place.
//!
//! [`Hub`] has the [`Topic`]s of an app. What is here says how they keep their events, and how
//! somebody follows them.

mod cursor;
#[cfg(feature = "disk")]
mod disk;
mod encoded;
mod engine;
mod error;
mod feed;
mod gap;
mod gap_reason;
mod generation;
mod hub;
mod janitor;
mod lock;
mod log;
mod merged;
mod places;
mod position;
mod reading;
mod retention;
mod shared_log;
mod subscribe;
mod subscription;
mod table;
#[expect(clippy::module_inception, reason = "the folder holds what surrounds a topic, the file the topic")]
mod topic;
mod waiters;

pub use cursor::OnLag;
#[cfg(feature = "disk")]
pub use disk::{Disk, Durability};
pub use error::HubError;
pub use feed::Fed;
pub use gap_reason::GapReason;
pub use hub::Hub;
pub use retention::Retention;
pub use subscribe::{OnGap, Subscribe};
pub use topic::{FeedResult, Topic};

pub(crate) use cursor::Ahead;
pub(crate) use gap::lagged;
pub(crate) use log::Log;
pub(crate) use position::Mark;
pub(crate) use shared_log::SharedLog;
pub(crate) use subscription::Subscription;
pub(crate) use waiters::Place;
