//! [`Parked`], one client of one topic: a socket, and a place in the log.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum_core::body::Body;
use bytes::{Bytes, BytesMut};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tracing::Span;

use super::arrival::Arrival;
use super::endings::Endings;
use super::node::Node;
use super::output::Output;
use super::window::{Building, Window};
use crate::error::CloseReason;
use crate::event::Event;
use crate::server::io::chunk;
use crate::server::io::socket::{set_user_timeout, write_now};
use crate::server::open_streams::StreamEntry;
use crate::server::state::again::{Again, Bare, Guard};
use crate::server::stream::life::Life;
use crate::stream::{Lifecycle, Silence, last_words};
use crate::topic::{Ahead, Mark, Subscription, lagged};

/// How often a socket is read in one go: a client that floods it must not hold up the others.
const MOST_READS: usize = 8;

/// How many windows one client is written in one go, for the same reason.
const MOST_WRITES: usize = 32;

#[derive(Debug)]
pub(super) struct Parked {
    pub(super) socket: TcpStream,
    pub(super) output: Output,
    /// What the client has sent since its request: the beginning of the next one.
    pub(super) sent: Vec<u8>,
    pub(super) subscription: Subscription,
    pub(super) lifecycle: Lifecycle,
    /// How the stream ends, but for its topic's end. `None` for most, and after the end.
    pub(super) endings: Option<Box<Endings>>,
    /// When it is kept alive by a comment.
    pub(super) silence: Silence,
    /// Whether each comment ends with a blank line of its own.
    pub(super) whole_blocks: bool,
    /// How long the client may take nothing.
    pub(super) write_time: Duration,
    /// When the stream ends though its topic goes on.
    pub(super) life: Life,
    /// Wakes the shard for this connection.
    pub(super) node: Arc<Node>,
    /// The number of its group in the shard, and its index there.
    pub(super) group: usize,
    pub(super) member: usize,
    pub(super) entry: StreamEntry,
    /// Serves the connection again when the stream has ended, and counts it until then.
    pub(super) again: Box<dyn Again<Bare>>,
    pub(super) guard: Guard,
    /// Empty by now, but for what layers have put around it: that stays as long as the client.
    pub(super) body: Body,
    pub(super) span: Span,
}

/// Where a client is after it was given what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It has all of it, or others have their turn first.
    CaughtUp,
    /// It takes no more for now, and the socket will say when it does.
    Blocked,
    /// It has all that it will ever get of this stream.
    Over,
    /// It has left, or its connection cannot be used any more.
    Left,
}

impl Parked {
    /// A connection that has a place in a shard: a node, a group, and an index there.
    pub(super) fn new(arrival: Arrival, node: Arc<Node>, group: usize, member: usize) -> Self {
        let Arrival {
            socket,
            first,
            sent,
            subscription,
            lifecycle,
            endings,
            silence,
            whole_blocks,
            write_time,
            life,
            ..
        } = arrival;
        let Arrival { entry, again, guard, body, span, .. } = arrival;
        let output = Output::new(first);
        Self {
            socket,
            output,
            sent,
            subscription,
            lifecycle,
            endings,
            silence,
            whole_blocks,
            write_time,
            life,
            node,
            group,
            member,
            entry,
            again,
            guard,
            body,
            span,
        }
    }

    /// Writes what comes next for everybody, to one who is somewhere in it.
    pub(super) fn write(&mut self, window: &Window, now: Instant) -> Progress {
        let cursor = &self.subscription.cursor;
        let seen = cursor.seen();
        // Where an end may be for it, it looks at each event.
        let is_plain = cursor.is_plain() && cursor.ends() == window.ends;
        if !is_plain || !self.output.is_between() || window.is_empty() || self.life.is_over(now).is_some() {
            return self.advance(now);
        }
        let Some(bytes) = window.bytes_after(seen) else {
            let has_it = seen.offset >= window.to().offset;
            return if has_it { Progress::CaughtUp } else { self.advance(now) };
        };
        match self.socket.try_write(bytes) {
            Ok(length) => {
                let whole = length == bytes.len();
                self.wrote(window, seen, length, now);
                if whole { Progress::CaughtUp } else { self.advance(now) }
            }
            Err(error) => self.failed(&error, now),
        }
    }

    /// Writes what it has not got yet, until that is all, or the socket takes no more.
    pub(super) fn advance(&mut self, now: Instant) -> Progress {
        self.write_with(TcpStream::try_write, now)
    }

    /// The same, with one way or the other to write to the socket.
    fn write_with(&mut self, write: fn(&TcpStream, &[u8]) -> io::Result<usize>, now: Instant) -> Progress {
        self.end_in_time(now);
        for _ in 0..MOST_WRITES {
            if !self.output.pending().is_empty() {
                match write(&self.socket, self.output.pending()) {
                    Ok(0) => return Progress::Left,
                    Ok(length) => {
                        self.output.took(length);
                        self.moved(now);
                    }
                    Err(error) => return self.failed(&error, now),
                }
                continue;
            }
            if self.output.is_over() {
                return Progress::Over;
            }
            let Some(window) = self.next_window() else {
                if self.output.is_ending() {
                    continue;
                }
                return Progress::CaughtUp;
            };
            match write(&self.socket, window.bytes_after(window.from).unwrap_or_default()) {
                Ok(length) => self.wrote(&window, window.from, length, now),
                Err(error) => {
                    self.subscription.cursor.skip_to(window.from);
                    return self.failed(&error, now);
                }
            }
        }
        // The others' turn; there may be more.
        self.node.tell();
        Progress::CaughtUp
    }

    /// What this client in particular is to get next. Where its stream ends, that is made known.
    fn next_window(&mut self) -> Option<Window> {
        let cursor = &mut self.subscription.cursor;
        let mut window = Building::new(cursor.seen(), cursor.ends());
        let mut end = None;
        let state = self.subscription.log.lock();
        while !window.is_full() {
            let before = cursor.seen();
            match cursor.step(&state.log) {
                Ahead::Event(event) => {
                    if !window.put_chunk(event.chunk(), event.wire_len(), cursor.seen()) {
                        cursor.skip_to(before);
                        break;
                    }
                }
                Ahead::Skipped { from, to } => window.put_own(&lagged(&state.log, from, to), to),
                Ahead::Nothing => break,
                Ahead::End(reason, last) => {
                    end = Some((reason, last));
                    break;
                }
            }
        }
        drop(state);
        let window = window.finish();
        if !window.is_empty() {
            return Some(window);
        }
        if let Some((reason, last)) = end {
            self.end(reason, last.as_ref());
        }
        None
    }

    /// So many bytes of the window went out, to one who had seen this much of it.
    fn wrote(&mut self, window: &Window, seen: Mark, length: usize, now: Instant) {
        let written = window.written(seen, length);
        self.subscription.cursor.skip_to(written.seen);
        // Between two events a connection is not blocked, which nearly all are.
        if self.output.is_between() {
            self.silence.wrote(now);
        } else {
            self.moved(now);
        }
        self.output.begin(written.rest);
        self.lifecycle.wrote(written.events, written.bytes);
    }

    /// The client took something.
    fn moved(&mut self, now: Instant) {
        self.silence.wrote(now);
        if self.lifecycle.link().is_blocked() {
            self.lifecycle.link().set_blocked(false);
        }
    }

    fn failed(&mut self, error: &io::Error, now: Instant) -> Progress {
        match error.kind() {
            // After an interruption, it is asked again when the socket can be written to: now.
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => self.wait_to_write(now),
            _ => Progress::Left,
        }
    }

    fn wait_to_write(&mut self, now: Instant) -> Progress {
        if self.output.block(now) {
            self.lifecycle.link().set_blocked(true);
            // The kernel must not be less patient than we are.
            set_user_timeout(&self.socket, self.write_time);
        }
        let waker = Waker::from(Arc::clone(&self.node));
        match self.socket.poll_write_ready(&mut Context::from_waker(&waker)) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => self.node.tell(),
            Poll::Ready(Err(_)) => return Progress::Left,
        }
        Progress::Blocked
    }

    /// Looks whether the client is still there, and keeps what it sends for the time after the stream.
    /// A client that sends more than `most` bytes is cut: without reading on, its end would not be
    /// noticed.
    pub(super) fn listen(&mut self, most: usize) -> Progress {
        let waker = Waker::from(Arc::clone(&self.node));
        let mut cx = Context::from_waker(&waker);
        let mut read = [0; 512];
        for _ in 0..MOST_READS {
            match self.socket.poll_read_ready(&mut cx) {
                Poll::Pending => return Progress::CaughtUp,
                Poll::Ready(Err(_)) => return Progress::Left,
                Poll::Ready(Ok(())) => {}
            }
            match self.socket.try_read(&mut read) {
                Ok(0) => return Progress::Left,
                Ok(length) if self.sent.len() + length > most => return Progress::Left,
                Ok(length) => self.sent.extend_from_slice(&read[..length]),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(_) => return Progress::Left,
            }
        }
        self.node.tell();
        Progress::CaughtUp
    }

    /// Lets the stream end, after the event in hand.
    pub(super) fn end(&mut self, reason: CloseReason, last: Option<&Event>) {
        if self.output.is_ending() {
            return;
        }
        self.lifecycle.link().close(reason);
        let mut bytes = BytesMut::new();
        let goodbye = self.take_goodbye();
        let words = last_words(reason, last, || goodbye, self.whole_blocks);
        chunk::put(&words, &mut bytes);
        bytes.extend_from_slice(chunk::LAST);
        self.output.end(bytes.freeze());
        if !words.is_empty() {
            self.lifecycle.wrote(0, words.len());
        }
    }

    /// When something is to be done without an event; `None` for never.
    pub(super) fn due(&self) -> Option<Instant> {
        let end = self.life.due().filter(|_| !self.output.is_ending());
        let waits = match self.output.waiting() {
            Some(waiting) => waiting.due(self.write_time),
            None => self.silence.due(),
        };
        end.into_iter().chain(waits).min()
    }

    /// Does what is due.
    pub(super) fn tick(&mut self, now: Instant) -> Progress {
        if self.end_in_time(now) {
            return self.advance(now);
        }
        let waiting = self.output.waiting();
        if self.due().is_none_or(|due| due > now) {
            return if waiting.is_some() { Progress::Blocked } else { Progress::CaughtUp };
        }
        if waiting.is_some() {
            // The last try. What a slow reader has left free is filled, or the next look would take it for
            // progress.
            let progress = self.write_with(write_now, now);
            if progress == Progress::Blocked && self.output.waiting() == waiting {
                self.lifecycle.link().close(CloseReason::Stalled);
                return Progress::Left;
            }
            return progress;
        }
        self.silence.fill(now);
        let comment = chunk::KeepAlive::new(self.whole_blocks);
        if self.output.keep_alive(Bytes::from_static(comment.chunk)) {
            self.lifecycle.wrote(0, comment.wire_len);
        }
        self.advance(now)
    }
}
