//! [`Applied`], the outcome of appending events to a log.

/// The outcome of [`Tail::apply`](super::Tail::apply).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// The log has all of the events now.
    Done,
    /// An event does not follow the newest one: events are missing between the two. The log has the events before the hole.
    Hole,
    /// An event belongs to another history than the log: it has another epoch, or the log has another event at its offset.
    /// The log has the events before it.
    Forked,
    /// The log is gone, or its topic is removed.
    Gone,
}
