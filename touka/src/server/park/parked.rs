//! [`Parked`], a client that a shard writes to.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::client::Client;
use super::inbox::KeyWaker;
use super::window::{Added, Building, Window};
use crate::error::CloseReason;
use crate::event::Event;
use crate::server::io::chunk;
use crate::server::io::socket::{set_user_timeout, write_now};
use crate::stream::last_bytes;
use crate::topic::Mark;

/// The maximum number of reads per visit: a client that floods its socket must not delay the others.
const MAX_READS: usize = 8;

/// The maximum number of writes per visit, so that one client does not delay the others.
const MAX_WRITES: usize = 32;

/// A client at its place in a shard.
#[derive(Debug)]
pub(super) struct Parked {
    pub(super) client: Client,
    /// Wakes the shard for this connection.
    pub(super) key_waker: Arc<KeyWaker>,
    /// The index of its group in the shard.
    pub(super) group: usize,
    /// The index of this client among the members of its group.
    pub(super) member: usize,
}

/// The outcome of writing pending events to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// The client has all events, or is queued again behind other clients.
    CaughtUp,
    /// The socket is full. Its waker is registered.
    Blocked,
    /// The stream has ended, and its last byte was written.
    Over,
    /// The client has left, or its connection is no longer usable.
    Left,
}

impl Parked {
    /// Writes the group's window to this client, from its position within the window.
    pub(super) fn write(&mut self, window: &Window, now: Instant) -> Progress {
        let cursor = &self.client.subscription.cursor;
        let seen = cursor.seen();
        // If the log may have ended for this client, its cursor must step through each event.
        let is_plain = cursor.is_plain() && cursor.version() == window.version && !self.is_tested();
        if !is_plain || !self.client.output.is_between() || window.is_empty() || self.client.life.is_over(now).is_some()
        {
            return self.advance(now);
        }
        let Some(bytes) = window.bytes_after(seen) else {
            let has_it = seen.offset >= window.to().offset;
            return if has_it { Progress::CaughtUp } else { self.advance(now) };
        };
        match self.client.socket.try_write(bytes) {
            Ok(length) => {
                let whole = length == bytes.len();
                self.record_write(window, seen, length, now);
                if whole { Progress::CaughtUp } else { self.advance(now) }
            }
            Err(error) => self.failed(&error, now),
        }
    }

    /// Writes pending bytes and events until there are none, or the socket takes no more.
    pub(super) fn advance(&mut self, now: Instant) -> Progress {
        self.write_with(TcpStream::try_write, now)
    }

    /// Implements [`advance`](Self::advance), with the given function to write to the socket.
    fn write_with(&mut self, write: fn(&TcpStream, &[u8]) -> io::Result<usize>, now: Instant) -> Progress {
        self.end_in_time(now);
        for _ in 0..MAX_WRITES {
            if !self.client.output.pending().is_empty() {
                match write(&self.client.socket, self.client.output.pending()) {
                    Ok(0) => return Progress::Left,
                    Ok(length) => {
                        self.client.output.advance(length);
                        self.moved(now);
                    }
                    Err(error) => return self.failed(&error, now),
                }
                continue;
            }
            if self.client.output.is_over() {
                return Progress::Over;
            }
            if self.is_tested() {
                if self.begin_tested() || self.client.output.is_ending() {
                    continue;
                }
                return self.caught_up();
            }
            let place = self.client.subscription.cursor.place();
            let Some(window) = self.next_window() else {
                if self.client.output.is_ending() {
                    continue;
                }
                return self.caught_up();
            };
            match write(&self.client.socket, window.bytes_after(window.from).unwrap_or_default()) {
                Ok(length) => self.record_write(&window, window.from, length, now),
                Err(error) => {
                    self.client.subscription.cursor.return_to(place);
                    return self.failed(&error, now);
                }
            }
        }
        // Other clients have their turn first; there may be more to write.
        self.key_waker.notify();
        Progress::CaughtUp
    }

    /// Records that there is nothing to write. A client that counts as blocked would be left out of the next writes.
    fn caught_up(&mut self) -> Progress {
        if self.client.output.clear() {
            self.client.lifecycle.link().set_blocked(false);
        }
        Progress::CaughtUp
    }

    /// Builds the next window for this client alone. Ends the stream if the cursor has reached its end.
    fn next_window(&mut self) -> Option<Window> {
        let cursor = &mut self.client.subscription.cursor;
        let mut window = Building::new(cursor.seen(), cursor.version());
        let mut end = None;
        let state = self.client.subscription.log.lock();
        while !window.is_full() {
            match window.step(cursor, &state.log) {
                Added::Event(_) | Added::Gap => {}
                Added::Nothing => break,
                Added::End(reason, last) => {
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

    /// Records that `length` bytes of the window were written to this client, which was at `seen`.
    fn record_write(&mut self, window: &Window, seen: Mark, length: usize, now: Instant) {
        let written = window.written(seen, length);
        self.client.subscription.cursor.skip_to(written.seen);
        // Fast path: between two events, as nearly always, a connection is not blocked.
        if self.client.output.is_between() {
            self.client.silence.record_write(now);
        } else {
            self.moved(now);
        }
        self.client.output.begin(written.rest);
        self.client.lifecycle.record_write(written.events, written.bytes);
    }

    /// Records that the client took bytes.
    fn moved(&mut self, now: Instant) {
        self.client.silence.record_write(now);
        if self.client.lifecycle.link().is_blocked() {
            self.client.lifecycle.link().set_blocked(false);
        }
    }

    /// Handles an error of a write.
    fn failed(&mut self, error: &io::Error, now: Instant) -> Progress {
        match error.kind() {
            // After an interruption the socket is still writable, so the write is retried at once.
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => self.wait_to_write(now),
            _ => Progress::Left,
        }
    }

    /// Registers the waker for a socket that takes nothing.
    fn wait_to_write(&mut self, now: Instant) -> Progress {
        if self.client.output.block(now) {
            self.client.lifecycle.link().set_blocked(true);
            // The kernel must not time out before the write timeout.
            set_user_timeout(&self.client.socket, self.client.write_time);
        }
        let waker = Waker::from(Arc::clone(&self.key_waker));
        match self.client.socket.poll_write_ready(&mut Context::from_waker(&waker)) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => self.key_waker.notify(),
            Poll::Ready(Err(_)) => return Progress::Left,
        }
        Progress::Blocked
    }

    /// Checks whether the client is still there, and buffers what it sends for the time after the stream. A client
    /// that sends more than `max_bytes` bytes is dropped: without further reads, its end would not be noticed.
    pub(super) fn read_ahead(&mut self, max_bytes: usize) -> Progress {
        let waker = Waker::from(Arc::clone(&self.key_waker));
        let mut cx = Context::from_waker(&waker);
        let mut read = [0; 512];
        for _ in 0..MAX_READS {
            match self.client.socket.poll_read_ready(&mut cx) {
                Poll::Pending => return Progress::CaughtUp,
                Poll::Ready(Err(_)) => return Progress::Left,
                Poll::Ready(Ok(())) => {}
            }
            match self.client.socket.try_read(&mut read) {
                Ok(0) => return Progress::Left,
                Ok(length) if self.client.sent.len() + length > max_bytes => return Progress::Left,
                Ok(length) => self.client.sent.extend_from_slice(&read[..length]),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(_) => return Progress::Left,
            }
        }
        self.key_waker.notify();
        Progress::CaughtUp
    }

    /// Ends the stream, after the event that is being written.
    pub(super) fn end(&mut self, reason: CloseReason, last: Option<&Event>) {
        if self.client.output.is_ending() {
            return;
        }
        self.client.lifecycle.link().close(reason);
        let mut bytes = BytesMut::new();
        let end_event = self.take_end_event();
        let last = last_bytes(reason, last, || end_event, self.client.whole_blocks);
        chunk::put(&last, &mut bytes);
        bytes.extend_from_slice(chunk::LAST);
        self.client.output.end(bytes.freeze());
        if !last.is_empty() {
            self.client.lifecycle.record_write(0, last.len());
        }
    }

    /// When a timer is due: an end, a write timeout or a keep-alive. `None` for never.
    pub(super) fn due(&self) -> Option<Instant> {
        let end = self.client.life.due().filter(|_| !self.client.output.is_ending());
        let waits = match self.client.output.write_wait() {
            Some(wait) => wait.due(self.client.write_time),
            None => self.client.silence.due(),
        };
        end.into_iter().chain(waits).min()
    }

    /// Does the work that is due.
    pub(super) fn tick(&mut self, now: Instant) -> Progress {
        if self.end_in_time(now) {
            return self.advance(now);
        }
        let wait = self.client.output.write_wait();
        if self.due().is_none_or(|due| due > now) {
            return if wait.is_some() { Progress::Blocked } else { Progress::CaughtUp };
        }
        if wait.is_some() {
            // The last try. It fills all free space of the socket's buffer: space that is left would count as
            // progress at the next check.
            let progress = self.write_with(write_now, now);
            if progress == Progress::Blocked && self.client.output.write_wait() == wait {
                self.client.lifecycle.link().close(CloseReason::Stalled);
                return Progress::Left;
            }
            return progress;
        }
        self.client.silence.fill(now);
        let comment = chunk::KeepAlive::new(self.client.whole_blocks);
        if self.client.output.keep_alive(Bytes::from_static(comment.chunk)) {
            self.client.lifecycle.record_write(0, comment.wire_len);
        }
        self.advance(now)
    }
}
