//! The event streams that a server has open.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::closing::Closing;
use crate::server::limits::counts::Permit;
use crate::stream::{Link, guarded};

/// How much of a path is kept for as long as its stream is open. A client chooses how long a path is,
/// and may have hundreds of streams.
const LONGEST_PATH: usize = 256;

/// The path, or its beginning with `…` behind it: no more than [`LONGEST_PATH`] bytes.
pub(super) fn bounded(path: &str) -> Cow<'_, str> {
    const CUT: char = '…';
    if path.len() <= LONGEST_PATH {
        return Cow::Borrowed(path);
    }
    let end = path.floor_char_boundary(LONGEST_PATH - CUT.len_utf8());
    Cow::Owned(format!("{}{CUT}", &path[..end]))
}

/// All that are open, by the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct OpenStreams(Arc<Mutex<StreamTable>>);

#[derive(Debug, Default)]
struct StreamTable {
    next: u64,
    open: HashMap<u64, Open>,
    /// How many of them are listed.
    listed: usize,
}

#[derive(Clone, Debug)]
struct Open {
    stream: OpenStream,
    /// It is not one around another that is listed.
    listed: bool,
}

impl OpenStreams {
    /// Adds one, until what is returned is dropped.
    pub(super) fn add(&self, stream: OpenStream) -> StreamEntry {
        self.insert(Open { stream, listed: true })
    }

    /// Adds one that looks at what the server does, and is in no list.
    pub(super) fn add_unlisted(&self, stream: OpenStream) -> StreamEntry {
        self.insert(Open { stream, listed: false })
    }

    fn insert(&self, open: Open) -> StreamEntry {
        let stream = open.stream.clone();
        let mut table = self.lock();
        let id = table.next;
        table.next += 1;
        table.listed += usize::from(open.listed);
        table.open.insert(id, open);
        drop(table);
        StreamEntry { streams: self.clone(), id, stream, permit: None }
    }

    fn remove(&self, id: u64) {
        let mut table = self.lock();
        let removed = table.open.remove(&id);
        table.listed -= usize::from(removed.as_ref().is_some_and(|open| open.listed));
    }

    /// Has each of them look at what the server does. Those that are parked have a shard that looks.
    pub(super) fn stir(&self) {
        // Woken outside of the lock: what wakes may be anybody's code.
        for stream in self.sorted(|open| !open.stream.0.parked) {
            // A waker that panics keeps none of the others from being woken.
            guarded("a waker", || stream.0.closing.stir());
        }
    }

    /// Whether both are the lists of one handle.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn count(&self) -> usize {
        self.lock().listed
    }

    pub(super) fn list(&self) -> Vec<OpenStream> {
        self.sorted(|open| open.listed)
    }

    /// Some of them, in the order in which they came.
    fn sorted(&self, which: impl Fn(&Open) -> bool) -> Vec<OpenStream> {
        let table = self.lock();
        let chosen = table.open.iter().filter(|(_, open)| which(open));
        let mut numbered: Vec<_> = chosen.map(|(id, open)| (*id, open.stream.clone())).collect();
        drop(table);
        numbered.sort_unstable_by_key(|(id, _)| *id);
        numbered.into_iter().map(|(_, stream)| stream).collect()
    }

    /// Nothing under the lock panics.
    fn lock(&self) -> MutexGuard<'_, StreamTable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One stream's place among those that are open.
#[derive(Debug)]
pub(super) struct StreamEntry {
    streams: OpenStreams,
    id: u64,
    stream: OpenStream,
    permit: Option<Permit>,
}

impl StreamEntry {
    /// Keeps the request's place among those under way, for a stream that outlives its request.
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

/// One event stream that a server has open: [`Handle::streams`](super::Handle::streams) lists
/// them. Keeping it keeps nothing else.
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
    /// `ours` is one of touka's, whose events are counted.
    pub(super) fn new(path: &str, peer: Option<SocketAddr>, link: Link, ours: bool) -> Self {
        Self::with(path, peer, link, ours, false)
    }

    /// One of touka's that has no body to end.
    pub(super) fn parked(path: &str, peer: Option<SocketAddr>, link: Link) -> Self {
        Self::with(path, peer, link, true, true)
    }

    fn with(path: &str, peer: Option<SocketAddr>, link: Link, ours: bool, parked: bool) -> Self {
        let (path, closing) = (bounded(path).into(), Closing::default());
        Self(Arc::new(Inner { path, peer, link, ours, parked, closing }))
    }

    /// The path of its route, as it is mounted: `/rooms/{room}`. `None` for a stream that no route of a
    /// [`Router`](crate::Router) made, nor, with the feature `axum`, one of an `axum::Router`.
    pub fn route(&self) -> Option<&str> {
        self.0.link.route()
    }

    /// The path that the client asked for, without its query: `/rooms/blue`. Of a path that is longer
    /// than 256 bytes only the beginning is kept, and ends with `…`.
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// The client's address, or that of the proxy before it, unless it is one of those that
    /// [`Server::trust_proxies`](super::Server::trust_proxies) trusts: then the client is the one that
    /// the proxy names, with port 0 where it names none. `None` over a Unix socket without such a proxy.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.0.peer
    }

    /// What [`EventStream::label`](crate::EventStream::label) calls it. `None` for a stream without a label, and for
    /// those of other libraries.
    ///
    /// ```
    /// use touka::server::Handle;
    ///
    /// // A logout: what the user has open in this process ends, and a browser that comes back is asked again.
    /// fn log_out(handle: &Handle) {
    ///     handle.streams().iter().filter(|stream| stream.label() == Some("user 7")).for_each(|stream| stream.close());
    /// }
    /// ```
    pub fn label(&self) -> Option<&str> {
        self.0.link.label()
    }

    /// How long it has been open.
    pub fn age(&self) -> Duration {
        self.0.link.age().unwrap_or_default()
    }

    /// How many events were handed to its connection. `None` for a stream that is not an
    /// [`EventStream`](crate::EventStream): what another library sends is not looked into.
    pub fn events(&self) -> Option<u64> {
        self.0.ours.then(|| self.0.link.events())
    }

    /// How many bytes were handed to its connection, before any compression: events, comments
    /// and what keeps it alive.
    pub fn bytes(&self) -> u64 {
        self.0.link.bytes()
    }

    /// It is a place in a topic and takes no task: see [`Server::park`](super::Server::park).
    pub fn is_parked(&self) -> bool {
        self.0.parked
    }

    /// Ends it as a shutdown would: after the event in hand, with a `retry:`, and the reason
    /// [`Shutdown`](crate::CloseReason::Shutdown). A browser comes back.
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
        let fits = format!("/{}", "x".repeat(LONGEST_PATH - 1));
        assert_eq!(bounded(&fits), fits);
        for character in ["x", "é", "€", "🦀"] {
            let long = format!("/{}", character.repeat(LONGEST_PATH));
            let kept = bounded(&long).into_owned();
            let whole = kept.strip_suffix('…').expect("a mark");
            assert!(kept.len() <= LONGEST_PATH && long.starts_with(whole), "{kept}");
            assert!(kept.len() > LONGEST_PATH - "🦀".len(), "{} bytes", kept.len());
        }
    }
}
