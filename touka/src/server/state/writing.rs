//! [`Writing`], the streams that are written to one socket.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::CloseReason;
use crate::stream::Link;

/// What a socket must know of the streams that are written to it.
#[derive(Debug, Default)]
pub(in crate::server) struct Writing(Mutex<Streams>);

#[derive(Debug, Default)]
struct Streams {
    open: Vec<Open>,
    /// How long the client may take nothing of the last bytes of the last one, which is gone by then.
    last: Option<Duration>,
}

#[derive(Debug)]
struct Open {
    link: Link,
    write_time: Duration,
}

impl Writing {
    /// A response is this stream, whose client may take nothing for this long.
    pub(in crate::server) fn add(&self, link: &Link, write_time: Duration) {
        self.lock().open.push(Open { link: link.clone(), write_time });
    }

    /// That stream is gone. Its last bytes may still have to be written.
    pub(in crate::server) fn remove(&self, link: &Link) {
        let mut streams = self.lock();
        let at = streams.open.iter().position(|stream| stream.link.is(link));
        let Some(removed) = at.map(|at| streams.open.swap_remove(at)) else { return };
        streams.last = Some(removed.write_time);
        if streams.open.is_empty() {
            // The memory, too: the client may be there for long without a stream.
            streams.open = Vec::new();
        }
    }

    /// What is written next belongs to another request.
    pub(in crate::server) fn forget_last(&self) {
        self.lock().last = None;
    }

    /// How long the client may take nothing: as long as the most patient of the streams, and when all are
    /// gone as long as the last of them. `None` where there was none.
    pub(in crate::server) fn write_time(&self) -> Option<Duration> {
        let streams = self.lock();
        streams.open.iter().map(|stream| stream.write_time).max().or(streams.last)
    }

    /// Says to all of them whether the client takes what is written.
    pub(in crate::server) fn set_blocked(&self, blocked: bool) {
        self.lock().open.iter().for_each(|stream| stream.link.set_blocked(blocked));
    }

    /// Says to all of them why they end.
    pub(in crate::server) fn close(&self, reason: CloseReason) {
        self.lock().open.iter().for_each(|stream| stream.link.close(reason));
    }

    /// Nothing under the lock panics.
    fn lock(&self) -> MutexGuard<'_, Streams> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_bytes_have_the_time_of_their_stream() {
        let (short, long) = (Duration::from_secs(1), Duration::from_secs(9));
        let (writing, one, other) = (Writing::default(), Link::default(), Link::default());
        assert_eq!(writing.write_time(), None);
        writing.add(&one, short);
        writing.add(&other, long);
        assert_eq!(writing.write_time(), Some(long));
        writing.remove(&other);
        assert_eq!(writing.write_time(), Some(short));
        writing.remove(&one);
        writing.remove(&one);
        assert_eq!(writing.write_time(), Some(short));
        writing.forget_last();
        assert_eq!(writing.write_time(), None);
    }
}
