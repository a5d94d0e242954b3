//! [`Parked`], one client of one topic: a socket, and a place in the log.

use std::any::Any;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum_core::body::Body;
use bytes::{Buf, Bytes, BytesMut};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tracing::Span;

use super::super::meter;
use super::super::socket::set_user_timeout;
use super::super::streams::Entry;
use super::chunk;
use super::node::Node;
use super::window::{Building, Window};
use crate::error::CloseReason;
use crate::event::Event;
use crate::stream::{Lifecycle, farewell, within};
use crate::topic::{Ahead, Mark, Subscription, lagged};

/// How often a socket is read in one go: a client that floods it must not hold up the others.
const MOST_READS: usize = 8;

/// How many windows one client is written in one go, for the same reason.
const MOST_WRITES: usize = 32;

#[derive(Debug)]
pub(super) struct Parked {
    pub(super) socket: TcpStream,
    /// What of an event, or of the server's own words, was begun and must be written first.
    pub(super) rest: Bytes,
    pub(super) subscription: Subscription,
    pub(super) lifecycle: Lifecycle,
    /// What is said before the end of a stream that comes to it by itself.
    pub(super) goodbye: Option<Box<Event>>,
    /// Every how long silence is broken, before its jitter.
    pub(super) keep_alive: Option<Duration>,
    /// Whether each comment ends with a blank line of its own.
    pub(super) whole_blocks: bool,
    /// The same, as it was drawn for this time.
    pub(super) patience: Duration,
    pub(super) quiet_since: Instant,
    /// How long the client may take nothing.
    pub(super) write_time: Duration,
    pub(super) blocked_since: Option<Instant>,
    /// When it is to end, and why.
    pub(super) end_at: Option<(Instant, CloseReason)>,
    /// It ends when what is left is written.
    pub(super) ending: bool,
    pub(super) node: Option<Arc<Node>>,
    /// Its group in the shard, and its place there.
    pub(super) group: usize,
    pub(super) member: usize,
    pub(super) entry: Entry,
    /// The connection's place among those that the server has.
    pub(super) guard: Option<Box<dyn Any + Send>>,
    /// Empty by now, but for what layers have put around it: that stays as long as the client.
    pub(super) body: Body,
    pub(super) span: Span,
}

/// Where a client is after it was given what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It has all of it.
    CaughtUp,
    /// It takes no more for now, and the socket will say when it does.
    Blocked,
    /// It has left, has taken nothing for too long, or has all that it will ever get.
    Gone,
}

impl Parked {
    /// Writes what comes next for everybody, to one who is somewhere in it.
    pub(super) fn write(&mut self, window: &Window, now: Instant) -> Progress {
        let cursor = &self.subscription.cursor;
        let seen = cursor.seen();
        // Where an end may be for it, it looks at each event.
        let is_plain = cursor.is_plain() && cursor.ends() == window.ends;
        if !is_plain || !self.rest.is_empty() || self.ending || window.is_empty() {
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
        for _ in 0..MOST_WRITES {
            while !self.rest.is_empty() {
                match self.socket.try_write(&self.rest) {
                    Ok(0) => return Progress::Gone,
                    Ok(length) if length == self.rest.len() => {
                        // An empty rest of these bytes would keep all of them.
                        self.rest = Bytes::new();
                        self.moved(now);
                    }
                    Ok(length) => {
                        self.rest.advance(length);
                        self.moved(now);
                    }
                    Err(error) => return self.failed(&error, now),
                }
            }
            if self.ending {
                return Progress::Gone;
            }
            let Some(window) = self.next_window() else {
                if self.ending {
                    continue;
                }
                return Progress::CaughtUp;
            };
            match self.socket.try_write(window.bytes_after(window.from).unwrap_or_default()) {
                Ok(length) => self.wrote(&window, window.from, length, now),
                Err(error) => {
                    self.subscription.cursor.skip_to(window.from);
                    return self.failed(&error, now);
                }
            }
        }
        // The others' turn; there may be more.
        if let Some(node) = &self.node {
            node.tell();
        }
        Progress::CaughtUp
    }

    /// What this client in particular is to get next. Where its stream ends, that is made known.
    fn next_window(&mut self) -> Option<Window> {
        let cursor = &mut self.subscription.cursor;
        let mut window = Building::new(cursor.seen(), cursor.ends());
        let mut end = None;
        let state = self.subscription.log.lock();
        while !window.is_full() {
            match cursor.step(&state.log) {
                Ahead::Event(event) => window.put_chunk(event.chunk(), event.wire_len(), cursor.seen()),
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
        self.rest = written.rest;
        self.lifecycle.wrote(written.events, written.bytes);
        self.moved(now);
    }

    /// The client took something.
    fn moved(&mut self, now: Instant) {
        self.quiet_since = now;
        if self.blocked_since.take().is_some() {
            self.lifecycle.link().set_blocked(false);
        }
    }

    fn failed(&mut self, error: &io::Error, now: Instant) -> Progress {
        if error.kind() == io::ErrorKind::Interrupted {
            // Asked again when the socket can be written to, which is now.
            return self.wait_to_write(now);
        }
        if error.kind() != io::ErrorKind::WouldBlock {
            return Progress::Gone;
        }
        self.wait_to_write(now)
    }

    fn wait_to_write(&mut self, now: Instant) -> Progress {
        if self.blocked_since.is_none() {
            self.blocked_since = Some(now);
            self.lifecycle.link().set_blocked(true);
            meter::waited();
            // The kernel must not be less patient than we are.
            set_user_timeout(&self.socket, self.write_time);
        }
        let Some(node) = &self.node else { return Progress::Blocked };
        let waker = Waker::from(Arc::clone(node));
        match self.socket.poll_write_ready(&mut Context::from_waker(&waker)) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => node.tell(),
            Poll::Ready(Err(_)) => return Progress::Gone,
        }
        Progress::Blocked
    }

    /// Looks whether the client is still there. What it says is of no interest: this connection
    /// answers nothing more.
    pub(super) fn listen(&mut self) -> Progress {
        let Some(node) = &self.node else { return Progress::Gone };
        let waker = Waker::from(Arc::clone(node));
        let mut cx = Context::from_waker(&waker);
        let mut said = [0; 512];
        for _ in 0..MOST_READS {
            match self.socket.poll_read_ready(&mut cx) {
                Poll::Pending => return Progress::CaughtUp,
                Poll::Ready(Err(_)) => return Progress::Gone,
                Poll::Ready(Ok(())) => {}
            }
            match self.socket.try_read(&mut said) {
                Ok(0) => return Progress::Gone,
                Ok(_) => {}
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(_) => return Progress::Gone,
            }
        }
        node.tell();
        Progress::CaughtUp
    }

    /// Lets the stream end, after the event in hand.
    pub(super) fn end(&mut self, reason: CloseReason, last: Option<&Event>) {
        if self.ending {
            return;
        }
        self.ending = true;
        self.lifecycle.link().close(reason);
        let mut rest = BytesMut::from(&self.rest[..]);
        let goodbye = if reason == CloseReason::Completed { self.goodbye.as_deref() } else { None };
        let mut said = 0;
        for event in last.into_iter().chain(goodbye) {
            said += chunk::put_event(event, &mut rest);
        }
        if reason == CloseReason::Shutdown {
            let farewell = farewell(self.whole_blocks);
            said += farewell.len();
            chunk::put(&farewell, &mut rest);
        }
        if said > 0 {
            self.lifecycle.wrote(0, said);
        }
        rest.extend_from_slice(chunk::LAST);
        self.rest = rest.freeze();
    }

    /// When something is to be done without an event; `None` for never.
    pub(super) fn due(&self) -> Option<Instant> {
        let end = self.end_at.filter(|_| !self.ending).map(|(at, _)| at);
        let waits = match (self.blocked_since, self.keep_alive) {
            (Some(since), _) => since.checked_add(self.write_time),
            (None, Some(_)) => self.quiet_since.checked_add(self.patience),
            (None, None) => None,
        };
        end.into_iter().chain(waits).min()
    }

    /// Does what is due.
    pub(super) fn tick(&mut self, now: Instant) -> Progress {
        if let Some((at, reason)) = self.end_at
            && at <= now
            && !self.ending
        {
            self.end(reason, None);
            return self.advance(now);
        }
        if self.due().is_none_or(|due| due > now) {
            return if self.blocked_since.is_some() { Progress::Blocked } else { Progress::CaughtUp };
        }
        if self.blocked_since.is_some() {
            self.lifecycle.link().close(CloseReason::Stalled);
            return Progress::Gone;
        }
        if let Some(interval) = self.keep_alive {
            self.patience = within(interval, 0.1);
        }
        self.quiet_since = now;
        let comment = chunk::KeepAlive::new(self.whole_blocks);
        self.lifecycle.wrote(0, comment.wire_len);
        self.rest = Bytes::from_static(comment.chunk);
        self.advance(now)
    }

    /// Everything of it goes, in the order in which a body's does.
    pub(super) fn leave(self) {
        let Self { subscription, lifecycle, span, body, entry, socket, guard, .. } = self;
        let entered = span.enter();
        drop(subscription);
        drop(lifecycle);
        drop(body);
        drop(entry);
        drop(entered);
        // Closed before it does not count any more.
        drop(socket);
        drop(guard);
    }
}
