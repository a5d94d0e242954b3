//! [`NewestEvents`], the newest events of a topic as an engine has them.

use crate::topic::position::{Mark, Position};
use crate::topic::stored::Stored;

/// The newest events of a topic as an engine has them, for [`Tail::reset`](super::Tail::reset).
#[derive(Clone, Debug)]
pub struct NewestEvents {
    /// The position of the newest event. For a topic without events its mark is [`Mark::default`], and its epoch the one
    /// that the topic's events will have.
    pub head: Position,
    /// The mark of the event before the first of the events; without events, that of the head.
    pub previous: Mark,
    /// The events, the oldest first. The last one is at the head. Any number of them, and none, is correct: readers get
    /// older ones by [`Engine::before`](super::Engine::before). The event that has [closed](super::Draft::is_last) a topic must be
    /// among them.
    pub events: Vec<Stored>,
    /// The number of the last [`FeedEnd`](super::FeedEnd) of the topic in this epoch; 0 if its feed has never ended
    /// since.
    pub ends: u64,
}
