//! [`Writing`], the streams that are written to one socket.

use std::time::Duration;

use crate::error::CloseReason;
use crate::stream::Link;
use crate::sync::Mutex;

/// The streams that are written to one socket, with their write timeouts.
#[derive(Debug, Default)]
pub(in crate::server) struct Writing(Mutex<Streams>);

#[derive(Debug, Default)]
struct Streams {
    open: Vec<Open>,
    /// Write timeout of the stream that ended last, for its last bytes.
    last: Option<Duration>,
}

#[derive(Debug)]
struct Open {
    link: Link,
    write_time: Duration,
}

impl Writing {
    /// Adds a stream with its write timeout.
    pub(in crate::server) fn add(&self, link: &Link, write_time: Duration) {
        self.0.lock().open.push(Open { link: link.clone(), write_time });
    }

    /// Removes a stream. Its last bytes may still have to be written.
    pub(in crate::server) fn remove(&self, link: &Link) {
        let mut streams = self.0.lock();
        let at = streams.open.iter().position(|stream| stream.link.is(link));
        let Some(removed) = at.map(|at| streams.open.swap_remove(at)) else { return };
        streams.last = Some(removed.write_time);
        if streams.open.is_empty() {
            // Releases the capacity as well: the connection may stay open for long without a stream.
            streams.open = Vec::new();
        }
    }

    /// Forgets the stream that ended last: further bytes belong to another request.
    pub(in crate::server) fn forget_last(&self) {
        self.0.lock().last = None;
    }

    /// Returns the write timeout: the longest of the open streams, or else that of the stream that ended last.
    /// `None` if there was none.
    pub(in crate::server) fn write_time(&self) -> Option<Duration> {
        let streams = self.0.lock();
        streams.open.iter().map(|stream| stream.write_time).max().or(streams.last)
    }

    /// Records on all streams whether writes are blocked.
    pub(in crate::server) fn set_blocked(&self, blocked: bool) {
        self.0.lock().open.iter().for_each(|stream| stream.link.set_blocked(blocked));
    }

    /// Records on all streams why they end.
    pub(in crate::server) fn close(&self, reason: CloseReason) {
        self.0.lock().open.iter().for_each(|stream| stream.link.close(reason));
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
