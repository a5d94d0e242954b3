//! [`OnLag`], the policy for slow subscribers.

/// The policy for a subscriber that reads more slowly than events are published.
///
/// A subscriber has no queue of its own: it is a position in the topic's log. It lags when the event that it would
/// read next is no longer retained, or when it is further behind than
/// [`Subscribe::max_lag`](super::Subscribe::max_lag) allows.
///
/// ```
/// use touka::topic::OnLag;
/// use touka::{Event, EventStream, Hub};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), touka::HubError> {
/// let prices = Hub::memory().topic::<Event>("prices")?;
/// prices.publish_keyed("tea", "120").await?;
/// // A client that falls behind gets the newest price of each good.
/// let stream: EventStream = prices.subscribe(None).on_lag(OnLag::Latest).await?;
/// # drop(stream);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnLag {
    /// Closes the stream with [`Lagged`](crate::CloseReason::Lagged). The client reconnects with its last id and gets
    /// the events that are still retained. A client that comes with an id, and whose next event is trimmed before it
    /// got any, gets a `gap` event instead: it might be closed at each of its attempts.
    #[default]
    Disconnect,
    /// Sends a `gap` event and continues with the next event that is published.
    Skip,
    /// Sends only the newest event of each key while the subscriber is behind: for topics whose events have keys. If
    /// some of those are no longer retained, a `gap` event comes first.
    Latest,
}
