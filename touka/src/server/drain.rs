//! The body of a response that the server can end.

use std::future::Future;
use std::mem;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum_core::BoxError;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tracing::Span;

use super::call::Call;
use super::life::Life;
use super::serving::Serving;
use super::streams::{Entry, OpenStream, Streams};
#[cfg(feature = "http2")]
use super::tasks;
use crate::error::CloseReason;
use crate::extract::MatchedPath;
use crate::response::{WholeBlocks, WriteTimeout};
use crate::stream::{Lifecycle, Link, Panic, catch, last_words, log_panic};

pin_project! {
    /// A body that, if it is an event stream, ends when the server shuts down: after the frame in
    /// hand, with a `retry:` of its own. Without this a shutdown would wait for ever.
    ///
    /// It goes by the content type, so streams of other libraries end as well.
    pub(super) struct Drain<B> {
        // In a box: it is large, and most never have one.
        first: Option<Box<Frame<Bytes>>>,
        #[pin]
        body: Option<B>,
        stream: Option<Stream>,
        // What a handler's body logs belongs to its stream.
        span: Span,
        // After the body, so that the request counts as under way until that is gone.
        call: Call,
    }

    impl<B> PinnedDrop for Drain<B> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let _entered = this.span.enter();
            let_go(this.body);
            *this.stream = None;
        }
    }
}

/// Whether the server's last line ends with a blank line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blocks {
    /// Never.
    Lines,
    /// So far: the stream is made of whole blocks.
    Whole,
    /// It would complete an event: a layer has cut the block that the last frame has ended with.
    Cut,
}

/// What is known of a body that is an event stream.
struct Stream {
    link: Link,
    /// Reports on the stream of another library, which does not do it by itself.
    foreign: Option<Lifecycle>,
    life: Life,
    /// Runs until the end that is known.
    timer: Option<Pin<Box<Sleep>>>,
    /// It has been asked for its last frame.
    has_ended: bool,
    /// Bytes of ours would be garbage in the middle of a compressed body.
    plain: bool,
    blocks: Blocks,
    /// Not listed if the handle lists the stream already.
    entry: Entry,
}

/// A stream that a `Drain` watches, in the extensions of its response: a server behind a
/// [`HandleLayer`](super::HandleLayer), or a layer around another, must not take it for a second stream.
#[derive(Clone)]
struct Watched {
    link: Link,
    by: Vec<Streams>,
}

impl<B: Body<Data = Bytes>> Drain<B> {
    /// `first` is a frame that the body has given already.
    pub(super) fn wrap(
        response: Response<B>,
        first: Option<Frame<Bytes>>,
        mut call: Call,
        path: &str,
        connect: bool,
    ) -> Response<Self> {
        let (mut parts, body) = response.into_parts();
        if parts.status == StatusCode::SWITCHING_PROTOCOLS || connect && parts.status.is_success() {
            call.upgrades();
        }
        let stream = is_event_stream(&parts.headers).then(|| Stream::new(&parts, &mut call, path));
        let watched = stream.as_ref().filter(|_| parts.extensions.get::<Watched>().is_none());
        let span = watched.map_or_else(Span::none, |stream| stream_span(&stream.link, path, call.peer));
        if let Some(stream) = &stream {
            let before = parts.extensions.get::<Watched>().map(|watched| watched.by.clone());
            let mut by = before.unwrap_or_default();
            by.push(call.client.serving.handle.streams.clone());
            parts.extensions.insert(Watched { link: stream.link.clone(), by });
        }
        Response::from_parts(parts, Self { first: first.map(Box::new), body: Some(body), stream, span, call })
    }
}

impl<B> Drain<B> {
    /// What the server and the stream know of each other, if it is one.
    pub(super) fn link(&self) -> Option<&Link> {
        self.stream.as_ref().map(|stream| &stream.link)
    }
}

/// What a stream logs belongs to this.
pub(super) fn stream_span(link: &Link, path: &str, peer: Option<SocketAddr>) -> Span {
    let (route, peer) = (link.route().unwrap_or(path), peer.map(tracing::field::display));
    tracing::info_span!(target: "touka::stream", "stream", route, peer)
}

pub(super) fn is_event_stream(headers: &HeaderMap) -> bool {
    let essence = b"text/event-stream";
    let value = headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    value.and_then(|value| value.get(..essence.len())).is_some_and(|start| start.eq_ignore_ascii_case(essence))
}

impl Stream {
    fn new(parts: &http::response::Parts, call: &mut Call, path: &str) -> Self {
        let serving = &call.client.serving;
        let limits = serving.limits;
        let ours = parts.extensions.get::<Link>().cloned();
        let watched = parts.extensions.get::<Watched>();
        let known = ours.clone().or_else(|| watched.map(|stream| stream.link.clone()));
        let foreign = known.is_none().then(|| Lifecycle::new(Link::default()));
        let link = known.or_else(|| foreign.as_ref().map(|stream| stream.link().clone())).unwrap_or_default();
        if let Some(MatchedPath(path)) = parts.extensions.get() {
            // A stream of another library does not know which route made it.
            link.set_route(path);
        }
        let open = OpenStream::new(path, call.peer, link.clone(), ours.is_some());
        let life = Life::default().bounded(limits.lifetime);
        let streams = &serving.handle.streams;
        let is_listed = watched.is_some_and(|stream| stream.by.iter().any(|by| by.is(streams)));
        let entry = if is_listed { streams.add_unlisted(open) } else { streams.add(open) };
        let write_time = parts.extensions.get().map_or(limits.write_time, |WriteTimeout(longest)| *longest);
        call.writes(&link, write_time);
        #[cfg(feature = "http2")]
        tasks::watch(&link, write_time);
        let plain = !parts.headers.contains_key(CONTENT_ENCODING);
        let blocks = parts.extensions.get::<WholeBlocks>().map_or(Blocks::Lines, |_| Blocks::Whole);
        Self { link, foreign, life, timer: None, has_ended: false, plain, blocks, entry }
    }

    /// Ready when the stream is to end now, with the reason.
    fn poll_end(&mut self, cx: &mut Context<'_>, serving: &Serving) -> Poll<CloseReason> {
        // Before the looks: what comes after them wakes.
        self.entry.closing().wakes(cx.waker());
        self.life.take_turn(serving);
        if self.entry.closing().is_wished() {
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

    /// Looks whether the frame ends within a block.
    fn look_at_end<E>(&mut self, polled: &Poll<Option<Result<Frame<Bytes>, E>>>) {
        let Poll::Ready(Some(Ok(frame))) = polled else { return };
        if self.blocks != Blocks::Lines {
            let is_cut = frame.data_ref().is_some_and(|data| !data.ends_with(b"\n\n"));
            self.blocks = if is_cut { Blocks::Cut } else { Blocks::Whole };
        }
    }

    /// Keeps the figures of a stream that does not do it by itself.
    fn count<E>(&mut self, polled: &Poll<Option<Result<Frame<Bytes>, E>>>, is_last: bool) {
        let Some(foreign) = &mut self.foreign else { return };
        if foreign.link().age().is_none() {
            foreign.open();
        }
        match polled {
            Poll::Pending => {}
            Poll::Ready(Some(Ok(frame))) => {
                foreign.wrote(0, frame.data_ref().map_or(0, Bytes::len));
                if is_last {
                    foreign.link().close(CloseReason::Completed);
                }
            }
            Poll::Ready(Some(Err(_))) => foreign.link().close(CloseReason::Failed),
            Poll::Ready(None) => foreign.link().close(CloseReason::Completed),
        }
    }
}

impl<B: Body<Data = Bytes, Error: Into<BoxError>>> Body for Drain<B> {
    type Data = Bytes;
    type Error = BoxError;

    /// A body that panics fails: its response ends without its last chunk.
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.project();
        let _entered = this.span.enter();
        if let Some(first) = this.first.take() {
            return Poll::Ready(Some(Ok(*first)));
        }
        let polled = match this.stream {
            Some(stream) => poll_stream(this.body.as_mut(), stream, this.call, cx),
            None => poll_body(this.body.as_mut(), cx),
        };
        match polled {
            Ok(polled) => polled.map_err(Into::into),
            Err(panic) => {
                log_panic("the body of a response", panic);
                if let Some(stream) = this.stream {
                    stream.link.close(CloseReason::Panicked);
                }
                let_go(this.body);
                Poll::Ready(Some(Err("the body of the response panicked".into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.body.as_ref().is_none_or(B::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), B::size_hint);
        let first = self.first.as_ref().and_then(|first| first.data_ref()).map_or(0, Bytes::len) as u64;
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(first));
        }
        hint.set_lower(hint.lower().saturating_add(first));
        hint
    }
}

type Polled<B> = Poll<Option<Result<Frame<Bytes>, <B as Body>::Error>>>;

/// The body is another library's, or the user's, and may panic.
fn poll_body<B: Body<Data = Bytes>>(body: Pin<&mut Option<B>>, cx: &mut Context<'_>) -> Result<Polled<B>, Panic> {
    let Some(body) = body.as_pin_mut() else { return Ok(Poll::Ready(None)) };
    catch(|| body.poll_frame(cx))
}

/// Drops the body, whose `Drop` may panic: that must not keep the end of the response from the client.
fn let_go<B>(mut body: Pin<&mut Option<B>>) {
    if let Err(panic) = catch(|| body.set(None)) {
        log_panic("the destructor of a body", panic);
    }
}

fn poll_stream<B: Body<Data = Bytes>>(
    mut body: Pin<&mut Option<B>>,
    stream: &mut Stream,
    call: &Call,
    cx: &mut Context<'_>,
) -> Result<Polled<B>, Panic> {
    if body.is_none() {
        return Ok(Poll::Ready(None));
    }
    let end = stream.poll_end(cx, &call.client.serving);
    // What is ready when the end has come still goes out, once: a fast body is always ready.
    if !mem::replace(&mut stream.has_ended, end.is_ready()) {
        let polled = poll_body(body.as_mut(), cx)?;
        let is_last = catch(|| body.as_ref().as_pin_ref().is_none_or(|body| body.is_end_stream()))?;
        stream.look_at_end(&polled);
        stream.count(&polled, is_last);
        if end.is_pending() || polled.is_ready() {
            return Ok(polled);
        }
    }
    let Poll::Ready(reason) = end else { return Ok(Poll::Pending) };
    stream.link.close(reason);
    let_go(body);
    let words = last_words(reason, None, || None, stream.blocks == Blocks::Whole);
    let says_something = stream.plain && !words.is_empty();
    Ok(Poll::Ready(says_something.then(|| Ok(Frame::data(words)))))
}
