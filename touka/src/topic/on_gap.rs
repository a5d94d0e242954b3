//! [`OnGap`], where a stream continues after a gap.

use super::log::Log;
use super::position::Mark;
use super::resume::Resumed;

/// The position at which a stream continues after a gap.
///
/// Without it, each reason has a position of its own: [`GapReason`](super::GapReason) lists them. [`OnGap::snapshot`]
/// sends the state instead.
///
/// ```
/// use touka::extract::{LastEventId, State};
/// use touka::topic::OnGap;
/// use touka::{EventStream, Hub, HubError, route};
///
/// /// Its page fetches the current state after a gap, so older events are of no use to it.
/// #[route(GET, "/orders")]
/// async fn orders(State(hub): State<Hub>, from: LastEventId) -> Result<EventStream, HubError> {
///     hub.topic("orders")?.subscribe(from).on_gap(OnGap::Live).await
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnGap {
    /// Continues with the next event that is published: for clients that fetch the state by other means after a gap.
    Live,
    /// Continues at the oldest retained event, though the client may have seen it.
    Earliest,
}

/// The mark at which a client continues.
pub(super) fn after_gap(on_gap: Option<OnGap>, log: &Log, resumed: &Resumed) -> Mark {
    match (resumed.gap, on_gap) {
        (None, _) | (_, None) => resumed.seen,
        (Some(_), Some(OnGap::Live)) => log.live(),
        (Some(_), Some(OnGap::Earliest)) => log.tail(),
    }
}
