//! [`FeedEnd`], the end of a topic's feed.

use crate::error::CloseReason;
use crate::event::Event;

/// The end of a topic's feed in one of the processes, for [`Tail::end_feed`](super::Tail::end_feed) in all of them.
#[derive(Clone, Debug)]
pub struct FeedEnd {
    /// The number of this end. Each end of an [`Epoch`](super::Epoch) has a higher number than the one before, in all
    /// processes: for example the number of ends of the topic, this one included.
    pub number: u64,
    /// The offset of the newest event when the feed ended. Streams end after this event, even if it has yet to arrive.
    pub at: u64,
    /// The reason with which the streams end.
    pub reason: CloseReason,
    /// The event that is sent after all others, if any.
    pub last: Option<Event>,
}
