//! The event streams that a server has open.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::closing::Closing;
use crate::server::limits::counts::Permit;
use crate::stream::{Link, guarded};
use crate::sync::Mutex;

/// Maximum number of bytes kept of a path while its stream is open. A client chooses the length of a path, and
/// may have hundreds of streams.
const MAX_PATH: usize = 256;

/// Returns the path, or its beginning followed by `…`: at most [`MAX_PATH`] bytes.
pub(super) fn bounded(path: &str) -> Cow<'_, str> {
    const CUT: char = '…';
    if path.len() <= MAX_PATH {
        return Cow::Borrowed(path);
    }
    let end = path.floor_char_boundary(MAX_PATH - CUT.len_utf8());
    Cow::Owned(format!("{}{CUT}", &path[..end]))
}

/// The open streams of a server, in the order in which they were opened.
#[derive(Clone, Debug, Default)]
pub(super) struct OpenStreams(Arc<Mutex<StreamTable>>);

#[derive(Debug, Default)]
struct StreamTable {
    next: u64,
    open: HashMap<u64, Open>,
    /// The number of listed entries.
    listed: usize,
}

#[derive(Clone, Debug)]
struct Open {
    stream: OpenStream,
    /// Whether the stream appears in [`OpenStreams::list`]. False for a wrapper around a listed stream.
    listed: bool,
}

impl OpenStreams {
    /// Adds a stream, until the returned entry is dropped.
    pub(super) fn add(&self, stream: OpenStream) -> StreamEntry {
        self.insert(Open { stream, listed: true })
    }

    /// Adds a stream that is notified of a shutdown, but is in no list.
    pub(super) fn add_unlisted(&self, stream: OpenStream) -> StreamEntry {
        self.insert(Open { stream, listed: false })
    }

    fn insert(&self, open: Open) -> StreamEntry {
        let stream = open.stream.clone();
        let mut table = self.0.lock();
        let id = table.next;
        table.next += 1;
        table.listed += usize::from(open.listed);
        table.open.insert(id, open);
        drop(table);
        StreamEntry { streams: self.clone(), id, stream, permit: None }
    }

    fn remove(&self, id: u64) {
        let mut table = self.0.lock();
        let removed = table.open.remove(&id);
        table.listed -= usize::from(removed.as_ref().is_some_and(|open| open.listed));
    }

    /// Wakes every stream, so that it checks for a shutdown. Parked streams are skipped: their shard checks.
    pub(super) fn wake_all(&self) {
        // Woken outside the lock: a waker may run any code.
        for stream in self.sorted(|open| !open.stream.0.parked) {
            // A waker that panics must not keep the others from being woken.
            guarded("a waker", || stream.0.closing.wake());
        }
    }

    /// Whether both are the table of the same handle.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn count(&self) -> usize {
        self.0.lock().listed
    }

    pub(super) fn list(&self) -> Vec<OpenStream> {
        self.sorted(|open| open.listed)
    }

    /// Returns the streams that match, in the order in which they were opened.
    fn sorted(&self, which: impl Fn(&Open) -> bool) -> Vec<OpenStream> {
        let table = self.0.lock();
        let chosen = table.open.iter().filter(|(_, open)| which(open));
        let mut numbered: Vec<_> = chosen.map(|(id, open)| (*id, open.stream.clone())).collect();
        drop(table);
        numbered.sort_unstable_by_key(|(id, _)| *id);
        numbered.into_iter().map(|(_, stream)| stream).collect()
    }
}

/// The entry of one open stream. Dropping it removes the stream.
#[derive(Debug)]
pub(super) struct StreamEntry {
    streams: OpenStreams,
    id: u64,
    stream: OpenStream,
    permit: Option<Permit>,
}

impl StreamEntry {
    /// Holds the permit of the request, for a stream that outlives the request.
    pub(super) fn hold(&mut self, permit: Option<Permit>) {
        self.permit = permit;
    }

    pub(super) fn closing(&self) -> &Closing {
        self.stream.closing()
    }
}

impl Drop for StreamEntry {
    fn drop(&mut self) {
        self.streams.remove(self.id);
        self.closing().forget();
    }
}

/// One open event stream of a server, as listed by [`Handle::streams`](super::Handle::streams).
///
/// An `OpenStream` that is kept keeps only this entry in memory, not the stream.
///
/// ```
/// use std::time::Duration;
/// use touka::server::{Handle, OpenStream};
///
/// /// Prints the streams that have been open for a day: path, client, events and bytes.
/// fn print_old(handle: &Handle) {
///     let is_old = |stream: &OpenStream| stream.age() > Duration::from_secs(24 * 60 * 60);
///     for stream in handle.streams().into_iter().filter(is_old) {
///         println!("{} {:?} {:?} {}", stream.path(), stream.peer(), stream.events(), stream.bytes());
///     }
/// }
/// # print_old(&Handle::new());
/// ```
#[derive(Clone)]
pub struct OpenStream(Arc<Inner>);

struct Inner {
    path: Box<str>,
    peer: Option<SocketAddr>,
    link: Link,
    ours: bool,
    parked: bool,
    closing: Closing,
}

impl OpenStream {
    /// Creates an entry. `ours` is set for streams of touka, whose events are counted.
    pub(super) fn new(path: &str, peer: Option<SocketAddr>, link: Link, ours: bool) -> Self {
        Self::with(path, peer, link, ours, false)
    }

    /// Creates the entry of a parked stream, which has no body.
    pub(super) fn parked(path: &str, peer: Option<SocketAddr>, link: Link) -> Self {
        Self::with(path, peer, link, true, true)
    }

    fn with(path: &str, peer: Option<SocketAddr>, link: Link, ours: bool, parked: bool) -> Self {
        let (path, closing) = (bounded(path).into(), Closing::default());
        Self(Arc::new(Inner { path, peer, link, ours, parked, closing }))
    }

    /// Returns the path of the stream's route as it is mounted: `/rooms/{room}`. `None` if neither a route of a
    /// [`Router`](crate::Router) nor, with the feature `axum`, one of an `axum::Router` answered.
    pub fn route(&self) -> Option<&str> {
        self.0.link.route()
    }

    /// Returns the path of the request, without its query: `/rooms/blue`. A path longer than 256 bytes is
    /// truncated, and ends with `…`.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// Returns the address of the client, or of the proxy in front of it.
    ///
    /// If [`Server::trust_proxies`](super::Server::trust_proxies) trusts that proxy, the address is the one
    /// that the proxy names, with port 0 if it names none. `None` for a Unix socket without a trusted proxy.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.0.peer
    }

    /// Returns the label set by [`EventStream::label`](crate::EventStream::label). `None` for a stream without
    /// a label and for streams of other libraries.
    ///
    /// ```
    /// use touka::server::Handle;
    ///
    /// // A logout: ends the user's streams in this process. A browser reconnects, and is authorized again.
    /// fn log_out(handle: &Handle) {
    ///     handle.streams().iter().filter(|stream| stream.label() == Some("user 7")).for_each(|stream| stream.close());
    /// }
    /// ```
    pub fn label(&self) -> Option<&str> {
        self.0.link.label()
    }

    /// Returns how long the stream has been open.
    pub fn age(&self) -> Duration {
        self.0.link.age().unwrap_or_default()
    }

    /// Returns the number of events handed to the connection. `None` for a stream that is not an
    /// [`EventStream`](crate::EventStream): bodies of other libraries are not parsed.
    pub fn events(&self) -> Option<u64> {
        self.0.ours.then(|| self.0.link.events())
    }

    /// Returns the number of bytes handed to the connection, before any compression: events, comments and
    /// keep-alives.
    pub fn bytes(&self) -> u64 {
        self.0.link.bytes()
    }

    /// Whether the stream is a subscription that is served without a task of its own: see
    /// [`Server::park`](super::Server::park).
    pub fn is_parked(&self) -> bool {
        self.0.parked
    }

    /// Ends the stream as a shutdown does: after the current event, with a `retry:` and the reason
    /// [`Shutdown`](crate::CloseReason::Shutdown). A browser reconnects.
    pub fn close(&self) {
        self.0.closing.close();
    }

    pub(super) fn closing(&self) -> &Closing {
        &self.0.closing
    }
}

impl fmt::Debug for OpenStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenStream")
            .field("route", &self.route())
            .field("path", &self.path())
            .field("peer", &self.peer())
            .field("label", &self.label())
            .field("age", &self.age())
            .field("events", &self.events())
            .field("bytes", &self.bytes())
            .field("parked", &self.is_parked())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_kept_whole_or_cut_between_two_characters() {
        let fits = format!("/{}", "x".repeat(MAX_PATH - 1));
        assert_eq!(bounded(&fits), fits);
        for character in ["x", "é", "€", "🦀"] {
            let long = format!("/{}", character.repeat(MAX_PATH));
            let kept = bounded(&long).into_owned();
            let whole = kept.strip_suffix('…').expect("a mark");
            assert!(kept.len() <= MAX_PATH && long.starts_with(whole), "{kept}");
            assert!(kept.len() > MAX_PATH - "🦀".len(), "{} bytes", kept.len());
        }
    }
}
