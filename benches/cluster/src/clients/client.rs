//! One connection: its request, the head of its response, and the number of its last event.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};

use memchr::memmem;
use mio::net::TcpStream;
use socket2::{Domain, Socket, Type};

use super::tally::Tally;
use crate::chunked::Chunked;
use crate::events::Events;

/// The maximum size of a head.
const HEAD: usize = 8 * 1024;

/// The number of loopback addresses that are used in turn, so that none runs out of ports, even with connections of
/// earlier runs in `TIME_WAIT`.
const SOURCES: usize = 200;

pub(super) struct Client {
    pub(super) socket: TcpStream,
    /// The index of the tally of its group, and that of its topic in the group.
    pub(super) group: usize,
    pub(super) topic: usize,
    stage: Stage,
    chunked: Chunked,
    events: Events,
    /// The number of its last event.
    pub(super) last: u64,
}

enum Stage {
    /// The request, until the socket is connected.
    Connecting(String),
    Head(Vec<u8>),
    Streaming,
}

impl Client {
    /// Connects from one of the addresses 127.0.`source`.1 to 127.0.`source`.200.
    pub(super) fn connect(source: u8, index: usize, port: u16, path: &str) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        let source = Ipv4Addr::new(127, 0, source, u8::try_from(1 + index % SOURCES).unwrap_or(u8::MAX));
        socket.bind(&SocketAddr::from((source, 0)).into())?;
        match socket.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into()) {
            // EINPROGRESS has no kind of its own in stable std.
            Err(error) if error.raw_os_error() != Some(115) && error.kind() != io::ErrorKind::WouldBlock => {
                return Err(error);
            }
            Ok(()) | Err(_) => {}
        }
        Ok(Self {
            socket: TcpStream::from_std(socket.into()),
            group: 0,
            topic: 0,
            stage: Stage::Connecting(format!(
                "GET {path} HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n"
            )),
            chunked: Chunked::default(),
            events: Events::new(),
            last: 0,
        })
    }

    /// Whether the head of the response is still to come.
    pub(super) const fn is_waiting(&self) -> bool {
        !matches!(self.stage, Stage::Streaming)
    }

    /// Sends the request, once the socket is writable.
    pub(super) fn writable(&mut self) -> io::Result<()> {
        if let Stage::Connecting(request) = &self.stage {
            if let Some(error) = self.socket.take_error()? {
                return Err(error);
            }
            // Shorter than the buffer of any socket.
            self.socket.write_all(request.as_bytes())?;
            self.stage = Stage::Head(Vec::new());
        }
        Ok(())
    }

    /// Reads what is there. An error is the end of this client.
    pub(super) fn readable(&mut self, buffer: &mut [u8], tally: &mut Tally) -> io::Result<()> {
        loop {
            let read = match self.socket.read(buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.take(&buffer[..read], tally)?;
            // The kernel had no more; later bytes are a new edge.
            if read < buffer.len() {
                return Ok(());
            }
        }
    }

    fn take(&mut self, bytes: &[u8], tally: &mut Tally) -> io::Result<()> {
        let Stage::Head(head) = &mut self.stage else {
            return self.body(bytes, tally);
        };
        head.extend_from_slice(bytes);
        let Some(end) = memmem::find(head, b"\r\n\r\n") else {
            return if head.len() < HEAD { Ok(()) } else { Err(io::Error::other("a head without end")) };
        };
        let body = head.split_off(end + 4);
        check(head)?;
        self.stage = Stage::Streaming;
        tally.report.clients += 1;
        self.body(&body, tally)
    }

    fn body(&mut self, bytes: &[u8], tally: &mut Tally) -> io::Result<()> {
        tally.report.bytes += bytes.len() as u64;
        let (events, last) = (&mut self.events, &mut self.last);
        let decoded = self.chunked.decode(bytes, |piece| events.read(piece, |event| tally.arrived(event, last)));
        decoded.map_err(|broken| io::Error::other(format!("the body broke: {broken:?}")))
    }
}

fn check(head: &[u8]) -> io::Result<()> {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let is_stream = head.starts_with("http/1.1 200")
        && head.contains("\r\ncontent-type: text/event-stream")
        && head.contains("\r\ntransfer-encoding: chunked");
    if is_stream { Ok(()) } else { Err(io::Error::other(format!("the response is no chunked event stream: {head}"))) }
}
