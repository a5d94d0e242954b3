//! [`WatchedStream`], the server's view of an event stream that is a body.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Extensions;
use http::header::CONTENT_ENCODING;
use http_body::Frame;
use tokio::time::{Instant, Sleep, sleep_until};

use super::life::Life;
use crate::error::CloseReason;
use crate::extract::MatchedPath;
use crate::response::StreamExtension;
use crate::server::open_streams::{OpenStream, OpenStreams, StreamEntry};
use crate::server::shared::Shared;
use crate::server::state::call::Call;
#[cfg(feature = "http2")]
use crate::server::state::http2_response::Http2Response;
use crate::stream::{Lifecycle, Link, last_bytes};

/// The server's view of a body that is an event stream.
pub(super) struct WatchedStream {
    pub(super) link: Link,
    /// Reports the metrics and log lines of a stream of another library; touka's own streams report by themselves.
    foreign: Option<Lifecycle>,
    life: Life,
    /// Fires at the next known end of the stream.
    timer: Option<Pin<Box<Sleep>>>,
    /// Set once the body has been polled for its last frame.
    has_ended: bool,
    /// `false` for a compressed body, which bytes of the server's own would corrupt.
    plain: bool,
    blocks: Blocks,
    /// The stream's entry among the open streams; unlisted if the handle lists the stream already.
    entry: StreamEntry,
}

/// Whether the server's last bytes end with a blank line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blocks {
    /// Never: the stream's comments and `retry` lines are single lines.
    Lines,
    /// Yes: the stream consists of whole blocks, and the last frame ended with a blank line.
    Whole,
    /// No, for now: a layer has cut the last block, and a blank line would complete its event.
    Cut,
}

/// The watchers of a stream, in the extensions of its response: a server behind a
/// [`HandleLayer`](crate::server::HandleLayer), or a layer around another one, must not count a stream twice.
#[derive(Clone)]
pub(super) struct Watchers {
    link: Link,
    by: Vec<OpenStreams>,
}

impl Watchers {
    /// Adds a watcher to the extensions of a response.
    pub(super) fn add(extensions: &mut Extensions, link: &Link, watcher: OpenStreams) {
        let watchers = extensions.get_or_insert_with(|| Self { link: link.clone(), by: Vec::new() });
        watchers.link = link.clone();
        watchers.by.push(watcher);
    }
}

impl WatchedStream {
    pub(super) fn new(parts: &http::response::Parts, call: &mut Call, path: &str) -> Self {
        let shared = &call.conn.shared;
        let limits = shared.limits;
        let ours = StreamExtension::of(&parts.extensions);
        let watchers = parts.extensions.get::<Watchers>();
        let known = ours.map(|stream| &stream.link).or_else(|| watchers.map(|stream| &stream.link)).cloned();
        let foreign = known.is_none().then(|| Lifecycle::new(Link::default()));
        let link = known.or_else(|| foreign.as_ref().map(|stream| stream.link().clone())).unwrap_or_default();
        if let Some(MatchedPath(path)) = parts.extensions.get() {
            // A stream of another library does not know which route made it.
            link.set_route(path);
        }
        let open = OpenStream::new(path, call.peer, link.clone(), ours.is_some());
        let life = Life::default().bounded(limits.lifetime);
        let streams = &shared.handle.streams;
        let is_listed = watchers.is_some_and(|stream| stream.by.iter().any(|by| by.is(streams)));
        let entry = if is_listed { streams.add_unlisted(open) } else { streams.add(open) };
        let write_time = ours.and_then(|stream| stream.write_timeout).unwrap_or(limits.write_time);
        call.register_stream(&link, write_time);
        #[cfg(feature = "http2")]
        Http2Response::watch(&link, write_time);
        let plain = !parts.headers.contains_key(CONTENT_ENCODING);
        let blocks = if ours.is_some_and(|stream| stream.whole_blocks) { Blocks::Whole } else { Blocks::Lines };
        Self { link, foreign, life, timer: None, has_ended: false, plain, blocks, entry }
    }

    /// Ready when the stream must end now, with the reason.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>, shared: &Shared) -> Poll<CloseReason> {
        // Registered before the checks, so that a later change wakes the task.
        self.entry.closing().register(cx.waker());
        self.life.apply_shutdown(shared);
        if self.entry.closing().is_requested() {
            self.life.close(Instant::now());
        }
        let Some(due) = self.life.due() else { return Poll::Pending };
        if let Some(reason) = self.life.is_over(Instant::now()) {
            return Poll::Ready(reason);
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if timer.deadline() != due {
            timer.as_mut().reset(due);
        }
        ready!(timer.as_mut().poll(cx));
        self.life.is_over(due).map_or(Poll::Pending, Poll::Ready)
    }

    /// Records whether the polled frame ends within a block.
    pub(super) fn record_block_end<E>(&mut self, polled: &Poll<Option<Result<Frame<Bytes>, E>>>) {
        let Poll::Ready(Some(Ok(frame))) = polled else { return };
        if self.blocks != Blocks::Lines {
            let is_cut = frame.data_ref().is_some_and(|data| !data.ends_with(b"\n\n"));
            self.blocks = if is_cut { Blocks::Cut } else { Blocks::Whole };
        }
    }

    /// Counts the frames of a stream of another library, and records its end.
    pub(super) fn count<E>(&mut self, polled: &Poll<Option<Result<Frame<Bytes>, E>>>, is_last: bool) {
        let Some(foreign) = &mut self.foreign else { return };
        if foreign.link().age().is_none() {
            foreign.open();
        }
        match polled {
            Poll::Pending => {}
            Poll::Ready(Some(Ok(frame))) => {
                foreign.record_write(0, frame.data_ref().map_or(0, Bytes::len));
                if is_last {
                    foreign.link().close(CloseReason::Completed);
                }
            }
            Poll::Ready(Some(Err(_))) => foreign.link().close(CloseReason::Failed),
            Poll::Ready(None) => foreign.link().close(CloseReason::Completed),
        }
    }

    /// Whether the body may be polled: not again after its last frame. `ends` is set when the stream must end; a
    /// frame that is ready then still goes out, but only one, since a fast body always has one.
    pub(super) fn may_poll(&mut self, ends: bool) -> bool {
        !mem::replace(&mut self.has_ended, ends)
    }

    /// The last bytes of a stream that the server ends.
    pub(super) fn last_bytes(&self, reason: CloseReason) -> Option<Bytes> {
        let bytes = last_bytes(reason, None, || None, self.blocks == Blocks::Whole);
        (self.plain && !bytes.is_empty()).then_some(bytes)
    }
}
