//! [`Ended`], the outcome of ending a feed.

/// The outcome of [`Engine::end_feed`](super::Engine::end_feed).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The end is kept, and reaches the streams of all processes by [`Tail::end_feed`](super::Tail::end_feed).
    Everywhere,
    /// This process is the only one. The hub ends its streams.
    Here,
    /// Another process has the right to run the feed: it has been taken from this one before the body ended. The end does
    /// not count, and the streams go on with the events of that process. This one [asks](super::Engine::lead) for the right
    /// again while it has subscribers, as after [`Standing::Lost`](super::Standing::Lost).
    Lost,
}
