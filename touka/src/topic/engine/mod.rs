//! Engines: places where the events of a hub's topics are kept, and the contract for an engine of your own.
//!
//! A hub in memory, in a file, on Redis or on NATS needs nothing of this module. Implement [`Engine`] to keep events on
//! another store, create hubs with [`HubBuilder::engine`](super::HubBuilder::engine), and run `touka::testing::check_engine`
//! against them, of the feature `testing`.
//!
//! # Logs and stores
//! Every process has a *log* of each topic that it uses: the newest events, in memory. Streams read from the log only. The
//! *store* is what processes share, for example a database. The engine stands between them:
//!
//! - [`Engine::publish`] gives an event its place in the store.
//! - The engine of each process learns of new events, and [applies](Tail::apply) them to the log of their topic.
//! - [`Engine::before`] reads events for clients that need older ones than the log has.
//!
//! # Positions
//! An event is known by its [`Position`]: the [`Epoch`] of its topic, its offset, and a random [`Tag`]. Offset and tag are
//! its [`Mark`]. Clients get positions as ids and come back with them, to any process, so they must be the same everywhere:
//!
//! - Offsets increase in the order of the events. All processes see one order, which the store decides.
//! - The epoch is drawn when a topic begins, and drawn again after it was removed. An id of another epoch is not of this
//!   topic: its client gets a gap, `foreign`.
//! - The tag is drawn for each event. If the store loses its newest events, their offsets are used again; a client that has
//!   seen a lost event has another tag, and gets a gap, `forked`.
//!
//! Each [`Stored`] event also has the mark of its predecessor. With it, a log accepts an event only if no other one is
//! missing between the two. Offsets alone cannot show that, since a store may leave some out.
//!
//! # Activation
//! A topic is *active* in a process while it has subscribers there, and some time longer. [`Engine::activate`] makes it so,
//! in two steps:
//!
//! 1. Subscribe to the events that the store gets from now on, and apply each of them to the [`Tail`].
//! 2. Read what the store has, and bring the log in step with it.
//!
//! In the other order, an event that comes between the two would be missed. In this order it may come twice, which does no
//! harm: a tail skips what the log has. The [`Lease`] that is returned ends the subscription when it is dropped.
//!
//! # In step
//! To bring a log in step with the store, read [`Tail::head`] first, then the store, and [compare](Tail::compare) the two:
//!
//! | outcome | meaning | then |
//! |---|---|---|
//! | [`InStep`](Compared::InStep) | the log has all events | done |
//! | [`Behind`](Compared::Behind) | the store has more | [apply](Tail::apply) the events after the head, or [reset](Tail::reset) the log |
//! | [`Diverged`](Compared::Diverged) | the store has lost events that the log has, or was replaced | [reset](Tail::reset) the log |
//! | [`Moved`](Compared::Moved) | the log has changed meanwhile | repeat |
//!
//! A reset replaces the events of the log by those of the store. Readers whose last event is still there continue after it.
//! The others get a `gap` event.
//!
//! Report the last [`FeedEnd`] of the topic in step as well, with [`Tail::end_feed`]: its message may have been lost, too. An
//! end that the log knows changes nothing. If the log has another [`Epoch`] than the end, reset the log first.
//!
//! Do this when the topic is activated; when [`Tail::apply`] finds a [`Hole`](Applied::Hole) or a
//! [`Forked`](Applied::Forked) event; and whenever messages may have been lost: after a new connection, and from time to time if
//! the store delivers without a guarantee. [`Engine::ensure_in_step`] and [`Engine::refresh`] ask for it, too.
//!
//! # Publishing
//! A publish that is ready is in the store. If the store has not answered, the outcome is
//! [unknown](crate::HubError::unknown), and the app repeats the publish with the same idempotency key: a key that is known
//! within 10 minutes returns the position of the first event, in all processes.
//!
//! A topic is closed by an event that [is the last](Draft::is_last). An engine rejects what is published later, and returns
//! that event with every [reset](Tail::reset).
//!
//! # Defaults
//! An engine needs [`activate`](Engine::activate), [`publish`](Engine::publish) and [`remove`](Engine::remove). Without the
//! other methods, something is missing:
//!
//! | method | without it |
//! |---|---|
//! | [`before`](Engine::before) | clients that need older events than the log has get a gap |
//! | [`refresh`](Engine::refresh) | a client that is faster than the event's way to its new process gets a gap, `future` |
//! | [`ensure_in_step`](Engine::ensure_in_step) | a client may get events that the store has lost |
//! | [`has`](Engine::has), [`name_of`](Engine::name_of) | `Hub::get`, `Hub::remove` and `Hub::topic_of` do not find topics that are not in memory |
//! | [`lead`](Engine::lead), [`end_feed`](Engine::end_feed) | `Topic::fed_by` runs a body in each process |
//! | [`is_ready`](Engine::is_ready) | the process always counts as ready |
#![doc = include_str!("example.md")]
//! # Layout
//! Each file imports only from those above it:
//!
//! - `engine_future`, `lease`, `lead`, `ended`: what the operations of an engine return
//! - `applied`, `compared`, `feed_end`, `newest_events`, `tail`, `engine_topic`: the end of a log, where an engine appends
//!   events, and the topic of an operation
//! - `engine`: the contract
//! - `contain`, `on_task`, `home`: operations whose panics are errors, those that do not depend on their caller, and those that
//!   need the runtime of their connections
//! - `shared/`: what the engines of many nodes have in common
//! - `memory`, `disk/`, `redis/`, `nats/`: the engines
//! - `engine_kind`, `hub_engine`: an engine as a hub and its topics use it

mod applied;
mod compared;
mod contain;
#[cfg(feature = "disk")]
mod disk;
mod ended;
#[expect(clippy::module_inception, reason = "the folder holds the engines, the file their contract")]
mod engine;
mod engine_future;
mod engine_kind;
mod engine_topic;
mod feed_end;
mod home;
mod hub_engine;
mod lead;
mod lease;
mod memory;
#[cfg(feature = "nats")]
pub(super) mod nats;
mod newest_events;
mod on_task;
#[cfg(feature = "redis")]
pub(super) mod redis;
#[cfg(any(feature = "redis", feature = "nats"))]
mod shared;
mod tail;
#[cfg(test)]
mod tail_tests;

pub use applied::Applied;
pub use compared::Compared;
pub use ended::Ended;
pub use engine::Engine;
pub use engine_future::EngineFuture;
pub use engine_topic::EngineTopic;
pub use feed_end::FeedEnd;
pub use lead::{Lead, Standing};
pub use lease::Lease;
pub use newest_events::NewestEvents;
pub use tail::Tail;

pub use super::encoded::Draft;
pub use super::event_keys::EventKeys;
pub use super::position::{Epoch, Mark, Position, Tag};
pub use super::stored::Stored;

pub(super) use engine_kind::EngineKind;
pub(super) use hub_engine::HubEngine;
