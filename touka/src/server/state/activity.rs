//! [`Activity`], whether a connection is idle.

/// What a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Activity {
    /// A request is being answered, or bytes are being written.
    Busy,
    /// All requests are answered, but HTTP/2 holds bytes that the client has yet to allow. The number
    /// changes when some of them leave.
    Leaving(usize),
    /// Nothing.
    Idle,
}
