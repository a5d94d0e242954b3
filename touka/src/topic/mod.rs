//! Topics: logs of events that any number of clients follow, each from its own position.
//!
//! [`Hub`] has the [`Topic`]s of an app. The types of this module configure how events are kept and how clients follow
//! them.
//!
//! # Layout
//! Each file imports only from those above it:
//!
//! - `error`, `retention`, `position`, `snapshot_id`, `gap`, `generation`: errors, bounds, the ids of events, gaps, and the ends of logs
//! - `role`, `encoded`, `event_keys`, `stored`, `log_entry`: one event, as subscribers get it, as an engine has it, and in a log
//! - `cache`, `key_index`, `trimmed_marks`, `log_version`, `log`, `log_ends`, `log_kept`, `log_roles`: one log, without a lock
//! - `resume`, `on_gap`, `on_lag`, `read_rule`: where a client continues in a log
//! - `feed_result`, `feed_body`: the body of a feed
//! - `waiters`, `shared_log`, `epoch_index`: a log that is shared by readers and writers, and found by an id
//! - `disk`, `engine/`: where events are kept
//! - `pause`, `history`, `cursor`: events that only the engine has, requested again after a pause, and how a reader moves
//!   through a log
//! - `end_test`, `reading`, `until`: what a stream reads, and its last event
//! - `subscription`, `subscribe_options`, `merged_position`, `claim`, `beginning`, `merged`: the sources of streams, and
//!   where they begin
//! - `fold_run`, `folded`: events that are folded into one for a client that is far behind
//! - `snapshot_pace`, `snapshot_source`, `snapshot`: the state after a gap
//! - `feed`, `unused`, `subscribe`, `fed`, `topic`: the handle of a topic
//! - `topic_table`, `janitor`, `hub`, `names`, `hub_builder`: the topics of an app, their names, and their eviction
//! - `run_log`: the topic of a run

mod beginning;
mod cache;
mod claim;
mod cursor;
#[cfg(feature = "disk")]
mod disk;
mod encoded;
mod end_test;
pub mod engine;
mod epoch_index;
mod error;
mod event_keys;
mod fed;
mod feed;
mod feed_body;
mod feed_result;
mod fold_run;
mod folded;
mod gap;
mod generation;
mod history;
mod hub;
mod hub_builder;
mod janitor;
mod key_index;
mod log;
mod log_ends;
mod log_entry;
mod log_kept;
mod log_roles;
mod log_version;
mod merged;
mod merged_position;
mod names;
mod on_gap;
mod on_lag;
mod pause;
mod position;
mod read_rule;
mod reading;
mod resume;
mod retention;
mod role;
mod run_log;
mod shared_log;
mod snapshot;
mod snapshot_id;
mod snapshot_pace;
mod snapshot_source;
#[cfg(test)]
mod snapshot_tests;
mod stored;
mod subscribe;
mod subscribe_options;
mod subscription;
#[expect(clippy::module_inception, reason = "the folder holds what surrounds a topic, the file the topic")]
mod topic;
mod topic_table;
#[cfg(test)]
mod topic_table_tests;
mod trimmed_marks;
mod until;
mod unused;
mod waiters;

pub use cache::Cache;
#[cfg(feature = "disk")]
pub use disk::{Disk, Durability};
#[cfg(feature = "nats")]
pub use engine::nats::Nats;
#[cfg(feature = "redis")]
pub use engine::redis::Redis;
pub use error::HubError;
pub use fed::Fed;
pub use feed_result::FeedResult;
pub use gap::GapReason;
pub use hub::Hub;
pub use hub_builder::HubBuilder;
pub use on_gap::OnGap;
pub use on_lag::OnLag;
pub use retention::Retention;
pub use snapshot::{GapRule, Snapshot, SnapshotResult};
pub use subscribe::Subscribe;
pub use topic::Topic;

pub(crate) use cursor::{Ahead, Cursor, skipped};
pub(crate) use encoded::{Draft, Encoded};
pub(crate) use end_test::EndTest;
pub(crate) use engine::Lead;
pub(crate) use log::Log;
pub(crate) use log_version::LogVersion;
pub(crate) use position::Mark;
pub(crate) use run_log::{Changes, RunLog, Use};
pub(crate) use shared_log::SharedLog;
pub(crate) use stored::unix_time;
pub(crate) use subscription::{Subscription, TakenSubscription};
pub(crate) use waiters::WaiterSlot;
