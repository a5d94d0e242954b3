//! [`GapReason`], why somebody may have missed events.

/// Why a client may have missed events.
///
/// | reason | what it means | where the stream goes on |
/// |---|---|---|
/// | `malformed` | the client's id is none of a topic's | with what comes next |
/// | `foreign` | the id is of another log: the topic began anew, or it is another topic's | at the oldest event that is kept |
/// | `future` | the log has lost its end, and with it what the client saw last | with what comes next |
/// | `trimmed` | what comes after the client's id is not kept any more | at the oldest event that is kept |
/// | `forked` | the log has lost its end, and other events stand there now | with what comes next |
/// | `lagged` | the client was too slow, and the topic skips for it | as its [`OnLag`](super::OnLag) says |
///
/// Where the stream goes on is where nothing is missed that can be had, and nothing comes twice
/// that is known to be seen. [`Subscribe::on_gap`](super::Subscribe::on_gap) says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GapReason {
    /// The client's id is none of a topic's.
    Malformed,
    /// The id is of another log.
    Foreign,
    /// The log has lost its end.
    Future,
    /// What comes after the client's id is not kept any more.
    Trimmed,
    /// The log has lost its end, and other events stand there now.
    Forked,
    /// The client was too slow.
    Lagged,
}

impl GapReason {
    /// The reason as one word in lower case, as it stands in the event's data.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Foreign => "foreign",
            Self::Future => "future",
            Self::Trimmed => "trimmed",
            Self::Forked => "forked",
            Self::Lagged => "lagged",
        }
    }
}
