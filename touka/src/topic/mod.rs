//! Topics: logs of events that any number of clients follow, each from its own position.
//!
//! [`Hub`] has the [`Topic`]s of an app. The types of this module configure how events are kept and how clients follow
//! them.
//!
//! # Layout
//! Each file imports only from those above it:
//!
//! - `error`, `retention`, `position`: errors, bounds, and the ids of events
//! - `encoded`, `gap`, `generation`, `log`, `cursor`: one log, without a lock: its events, its ends, its readers
//! - `waiters`, `shared_log`, `epoch_index`: a log that is shared by readers and writers, and found by an id
//! - `disk`, `engine/`: where events are kept
//! - `reading`, `subscription`, `subscribe_options`, `merged_position`, `merged`, `until`: the sources of streams
//! - `feed`, `subscribe`, `topic`: the handle of a topic
//! - `topic_table`, `janitor`, `hub`, `hub_builder`: the topics of an app, and their eviction

mod cursor;
#[cfg(feature = "disk")]
mod disk;
mod encoded;
mod end_test;
mod engine;
mod epoch_index;
mod error;
mod feed;
mod gap;
mod generation;
mod hub;
mod hub_builder;
mod janitor;
mod log;
mod merged;
mod merged_position;
mod position;
mod reading;
mod retention;
mod shared_log;
mod subscribe;
mod subscribe_options;
mod subscription;
#[expect(clippy::module_inception, reason = "the folder holds what surrounds a topic, the file the topic")]
mod topic;
mod topic_table;
mod until;
mod waiters;

pub use cursor::OnLag;
#[cfg(feature = "disk")]
pub use disk::{Disk, Durability};
pub use error::HubError;
pub use feed::FeedResult;
pub use gap::GapReason;
pub use hub::Hub;
pub use hub_builder::HubBuilder;
pub use retention::Retention;
pub use subscribe::Subscribe;
pub use subscribe_options::OnGap;
pub use topic::{Fed, Topic};

pub(crate) use cursor::{Ahead, Cursor, lagged};
pub(crate) use encoded::Encoded;
pub(crate) use end_test::EndTest;
pub(crate) use log::Log;
pub(crate) use position::Mark;
pub(crate) use shared_log::SharedLog;
pub(crate) use subscription::{Subscription, TakenSubscription};
pub(crate) use waiters::WaiterSlot;
