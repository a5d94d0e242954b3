//! [`Engine`], the contract of engines.

use std::fmt;

use super::ended::Ended;
use super::engine_future::EngineFuture;
use super::engine_topic::EngineTopic;
use super::lead::Lead;
use super::lease::Lease;
use crate::error::CloseReason;
use crate::event::Event;
use crate::topic::encoded::Draft;
use crate::topic::event_keys::EventKeys;
use crate::topic::position::{Epoch, Position, Tag};
use crate::topic::stored::Stored;

/// A place where the events of topics are kept, in addition to the log that every process has in memory and reads from.
///
/// The [module](super) explains the contract and has an example. [`HubBuilder::engine`](crate::topic::HubBuilder::engine)
/// creates a hub with it, and `touka::testing::check_engine` checks it.
///
/// Three methods are required. The defaults of the others are those of an engine that only this process uses, that has no
/// event which the logs do not have, and that always works.
///
/// # Errors
/// Use [`HubError::unavailable`](crate::HubError::unavailable) if the store cannot be used, which also means that nothing
/// was published; [`HubError::unknown`](crate::HubError::unknown) if an event may have been published or not; and
/// [`HubError::removed`](crate::HubError::removed) for a publish to a topic that the hub has removed. Give each operation a
/// time limit: its caller waits without one.
///
/// # Cancellation
/// A future is dropped when its caller is no longer interested, for example because a client has disconnected. The engine
/// must then be in a state from which the next operation works.
///
/// # Panics
/// A panic of a method, of its future, or of the guard of a [`Lease`] or [`Lead`] costs the calling stream or publish only.
/// It never reaches another topic.
pub trait Engine: fmt::Debug + Send + Sync + 'static {
    /// Loads the newest events of a topic into its log, by [`Tail::reset`](super::Tail::reset), and applies those that are
    /// published from now on to its tail, until the lease is dropped.
    ///
    /// Subscribe to new events first and read the others then, so that none is missed between the two.
    ///
    /// The hub calls this when the topic has a subscriber and is not active. There is one call at a time for a log. On a
    /// tokio runtime it is on a task of its own, and is aborted if the caller is dropped.
    fn activate<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, Lease>;

    /// Keeps an event and returns its position. With an idempotency key that is known, keeps nothing and returns the
    /// position of the first event with it; a key counts for at least 10 minutes.
    ///
    /// The topic may be active or not, and a publish does not activate it. If it is active in any process, the event
    /// arrives there by its tail. If it [is](EngineTopic::is_active) here, apply it to the tail of this topic before the
    /// future is ready if you can, so that subscribers in this process need not wait. The outcome for a topic that is not
    /// active means nothing. Events that exceed [`EngineTopic::retention`] may be removed; their keys still count.
    ///
    /// An event that [is the last](Draft::is_last) closes the topic: every later one is rejected with
    /// [`HubError::closed`](crate::HubError::closed), also if both are published at the same time by two processes. Only the
    /// position of a known idempotency key is still returned.
    ///
    /// On a tokio runtime, the future is first polled by its caller, and then on a task of its own, which is aborted if the
    /// caller is dropped: it has the span of the caller, and not its task-locals.
    fn publish<'a>(&'a self, topic: EngineTopic<'a>, draft: Draft, keys: EventKeys<'a>) -> EngineFuture<'a, Position>;

    /// Removes the events of a topic, and calls [`Tail::remove`](super::Tail::remove) on its tail in all processes. The topic
    /// need not be active. The next event with its name has another [`Epoch`]. If this fails, the topic goes on.
    ///
    /// On a tokio runtime it is on a task of its own, and is aborted if the caller is dropped. The hub calls it there when no
    /// publish to the topic is in flight in this process, and lets later ones wait for the outcome. A process that has not heard of
    /// the removal may begin the topic anew with its next publish.
    fn remove<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, ()>;

    /// The events after the offset `from`, up to the one at the offset `until`, the oldest first: at most this many bytes
    /// of them, by [`Stored::size`], and at least one if there is any. Events that exceed the retention are left out.
    ///
    /// The hub calls this for clients that need older events than the log has. By default there are none: such a client
    /// gets a `gap` event.
    fn before<'a>(
        &'a self,
        _topic: EngineTopic<'a>,
        _from: u64,
        _until: u64,
        _bytes: usize,
    ) -> EngineFuture<'a, Vec<Stored>> {
        EngineFuture::ready(Ok(Vec::new()))
    }

    /// The tag of the event at the offset `from`, if the engine knows that each event after it, up to the one at the offset
    /// `until`, is superseded by a newer one with the same key. The events may have been trimmed.
    ///
    /// A subscriber with [`OnLag::Latest`](crate::topic::OnLag::Latest) gets no gap for them. By default the engine does not
    /// know it of any event.
    fn superseded<'a>(&'a self, _topic: EngineTopic<'a>, _from: u64, _until: u64) -> EngineFuture<'a, Option<Tag>> {
        EngineFuture::ready(Ok(None))
    }

    /// Makes sure that the log of an active topic has every event that the engine had when this was called, and none that
    /// the engine has lost. The same for the last end of its feed.
    ///
    /// The hub calls this before it sends a `gap` event to a client whose id the log does not know: the event may have been
    /// published by another process a moment ago. The default does nothing, which is correct if no client can get an event
    /// of one log before it is in all of them: for an engine of this process alone.
    fn refresh<'a>(&'a self, _topic: EngineTopic<'a>) -> EngineFuture<'a, ()> {
        EngineFuture::ready(Ok(()))
    }

    /// Makes sure that the log of an active topic has no event that the engine had lost when this was called.
    ///
    /// The hub calls this for each client that is about to get events from the memory of this process: another process may
    /// have told the client already that they are lost. Compare the log with the store, once for all clients that wait for
    /// it, and set a short time limit: an error is logged, and the client gets what this process has. The default does
    /// nothing, which is correct if no event can be lost.
    fn ensure_in_step<'a>(&'a self, _topic: EngineTopic<'a>) -> EngineFuture<'a, ()> {
        EngineFuture::ready(Ok(()))
    }

    /// Whether there are events of a topic with this name. The hub asks only about topics that are not in its memory. By
    /// default there are none.
    fn has<'a>(&'a self, _name: &'a str) -> EngineFuture<'a, bool> {
        EngineFuture::ready(Ok(false))
    }

    /// The name of the topic whose log has this epoch, if it has events. The hub asks only about topics that are not in its
    /// memory. By default there is none.
    fn name_of(&self, _epoch: Epoch) -> EngineFuture<'_, Option<String>> {
        EngineFuture::ready(Ok(None))
    }

    /// Waits until this process may run the feed of an active topic. Only one process may at a time. By default this process
    /// always may.
    ///
    /// The hub calls [`refresh`](Self::refresh) next, so that a feed that another process has ended meanwhile is over here,
    /// too, and starts the body if the topic still has subscribers in this process. If not, it drops the right.
    ///
    /// If this fails, the streams of the topic's subscribers in this process end, and their clients reconnect.
    fn lead<'a>(&'a self, _topic: EngineTopic<'a>) -> EngineFuture<'a, Lead> {
        EngineFuture::ready(Ok(Lead::sole()))
    }

    /// Ends the streams of a topic in all processes, this one included, by [`Tail::end_feed`](super::Tail::end_feed): its
    /// feed has ended for this reason, and `last` is sent after all events. Ready after the end is kept; then the right is
    /// dropped.
    ///
    /// Does nothing if another process has the right to run the feed now, and returns [`Ended::Lost`]. A right that has
    /// expired, or that the store has lost, counts as long as no other process has taken it.
    ///
    /// By default there is no other process, and the hub ends the streams of this one. If this fails, the hub does it, too.
    fn end_feed<'a>(
        &'a self,
        _topic: EngineTopic<'a>,
        _lead: &'a Lead,
        _reason: CloseReason,
        _last: Option<&'a Event>,
    ) -> EngineFuture<'a, Ended> {
        EngineFuture::ready(Ok(Ended::Here))
    }

    /// Whether events that other processes publish arrive here, for [`Hub::is_ready`](crate::Hub::is_ready). Must not block.
    fn is_ready(&self) -> bool {
        true
    }
}
