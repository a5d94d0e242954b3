//! One connection: its request, its response's head, and the number of its last event.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Instant;

use fanout::now_ns;
use mio::net::TcpStream;
use socket2::{Domain, Socket, Type};

use crate::chunked::Chunked;
use crate::events::Events;
use crate::tally::Tally;

const REQUEST: &[u8] = b"GET /events HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n";

/// The maximum size of a head.
const HEAD: usize = 8 * 1024;

/// The number of loopback addresses used in turn, so that none runs out of ports, even with connections of
/// earlier runs in TIME_WAIT.
const SOURCES: usize = 200;

pub(crate) struct Client {
    pub(crate) socket: TcpStream,
    stage: Stage,
    started: Instant,
    chunked: Chunked,
    events: Events,
    /// The number of the last event.
    last: u64,
    /// The number of events, without duplicates.
    pub(crate) got: u64,
}

enum Stage {
    Connecting,
    Head(Vec<u8>),
    Streaming,
}

/// The state of a client after a read.
pub(crate) enum Now {
    Same,
    /// The response has just opened an event stream.
    Open,
}

impl Client {
    pub(crate) fn connect(index: usize, port: u16) -> io::Result<Self> {
        let started = Instant::now();
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        let source = Ipv4Addr::new(127, 0, 1, u8::try_from(1 + index % SOURCES).unwrap_or(u8::MAX));
        socket.bind(&SocketAddr::V4(SocketAddrV4::new(source, 0)).into())?;
        match socket.connect(&SocketAddr::from(([127, 0, 0, 1], port)).into()) {
            // EINPROGRESS has no kind of its own in stable std.
            Err(error) if error.raw_os_error() != Some(115) && error.kind() != io::ErrorKind::WouldBlock => {
                return Err(error);
            }
            Ok(()) | Err(_) => {}
        }
        Ok(Self {
            socket: TcpStream::from_std(socket.into()),
            stage: Stage::Connecting,
            started,
            chunked: Chunked::default(),
            events: Events::new(),
            last: 0,
            got: 0,
        })
    }

    /// Whether the last event has arrived.
    pub(crate) fn done(&self, published: u64) -> bool {
        self.last >= published
    }

    /// Whether the response's head is still to come.
    pub(crate) fn is_waiting(&self) -> bool {
        !matches!(self.stage, Stage::Streaming)
    }

    /// Sends the request, once the socket is writable.
    pub(crate) fn writable(&mut self) -> io::Result<()> {
        if let Stage::Connecting = self.stage {
            if let Some(error) = self.socket.take_error()? {
                return Err(error);
            }
            // Shorter than any socket's buffer.
            self.socket.write_all(REQUEST)?;
            self.stage = Stage::Head(Vec::new());
        }
        Ok(())
    }

    /// Reads everything available. An error is the end of this client.
    pub(crate) fn readable(&mut self, buffer: &mut [u8], tally: &mut Tally) -> io::Result<Now> {
        let mut now = Now::Same;
        loop {
            let read = match self.socket.read(buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(now),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if self.take(&buffer[..read], tally)? {
                now = Now::Open;
            }
            // The kernel had no more; later bytes are a new edge.
            if read < buffer.len() {
                return Ok(now);
            }
        }
    }

    /// Returns true when the head has just ended.
    fn take(&mut self, bytes: &[u8], tally: &mut Tally) -> io::Result<bool> {
        let Stage::Head(head) = &mut self.stage else {
            return self.body(bytes, tally).map(|()| false);
        };
        head.extend_from_slice(bytes);
        let Some(end) = memchr::memmem::find(head, b"\r\n\r\n") else {
            return if head.len() < HEAD { Ok(false) } else { Err(io::Error::other("a head without end")) };
        };
        let body = head.split_off(end + 4);
        check(head)?;
        self.stage = Stage::Streaming;
        tally.opened(self.started.elapsed());
        self.body(&body, tally)?;
        Ok(true)
    }

    fn body(&mut self, bytes: &[u8], tally: &mut Tally) -> io::Result<()> {
        let (events, last, got) = (&mut self.events, &mut self.last, &mut self.got);
        let now = now_ns();
        let decoded = self.chunked.decode(bytes, |piece| {
            events.read(piece, |arrived| match arrived {
                Some(event) if event.bytes == tally.payload => {
                    if event.seq > *last {
                        *last = event.seq;
                        *got += 1;
                    } else {
                        tally.doubled += 1;
                    }
                    tally.arrived(now.saturating_sub(event.sent_ns));
                }
                other => tally.error(&format!("an event of another shape: {other:?}")),
            });
        });
        decoded.map_err(|broken| io::Error::other(format!("the body broke: {broken:?}")))
    }
}

fn check(head: &[u8]) -> io::Result<()> {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let stream = head.starts_with("http/1.1 200")
        && head.contains("\r\ncontent-type: text/event-stream")
        && head.contains("\r\ntransfer-encoding: chunked");
    if stream { Ok(()) } else { Err(io::Error::other(format!("the answer is no chunked event stream: {head}"))) }
}
