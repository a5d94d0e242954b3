//! A response over HTTP/1.

use bytes::{Buf, Bytes, BytesMut};
use support::within;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::reader::{End, Head};
use crate::scene::PATIENCE;
use crate::socket::Io;

pub(crate) struct Http1 {
    io: Box<dyn Io>,
    /// Bytes read and not parsed yet.
    unread: BytesMut,
    body: Body,
}

/// The position of the next byte in the body.
#[derive(Clone, Copy, Debug)]
enum Body {
    /// Without chunks: all bytes are data.
    Bare,
    /// In the line with a chunk's size.
    Size,
    /// In a chunk, with this many bytes left before its line end.
    Chunk(usize),
    /// In the line end after a chunk, which may be the last one.
    LineEnd { last: bool },
    /// After the last chunk.
    Over,
}

impl Http1 {
    /// Sends a request, and reads the head of its response.
    pub(crate) async fn open(io: Box<dyn Io>, request: &str) -> (Head, Self) {
        let mut this = Self { io, unread: BytesMut::new(), body: Body::Bare };
        within(PATIENCE, "send", this.io.write_all(request.as_bytes())).await.expect("send");
        within(PATIENCE, "flush", this.io.flush()).await.expect("flush");
        let end = loop {
            if let Some(end) = this.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            assert!(this.fill().await.is_ok(), "closed before the head: {:?}", this.unread);
        };
        let text = String::from_utf8(this.unread.split_to(end + 4).to_vec()).expect("a head is text");
        let mut lines = text.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status line");
        let fields =
            lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_owned(), value.to_owned()));
        let head = Head { status: status.parse().expect("a status"), fields: fields.collect() };
        if head.field("transfer-encoding").is_some() {
            this.body = Body::Size;
        }
        (head, this)
    }

    /// The next bytes of the body, without the chunk framing.
    pub(crate) async fn bytes(&mut self) -> Result<Bytes, End> {
        loop {
            if let Some(bytes) = self.decode()? {
                return Ok(bytes);
            }
            if let Err(end) = self.fill().await {
                return Err(if matches!(self.body, Body::Bare) { end } else { End::Cut });
            }
        }
    }

    /// Decodes bytes that were read; `None` if more must be read first.
    fn decode(&mut self) -> Result<Option<Bytes>, End> {
        loop {
            match self.body {
                Body::Over => {
                    assert!(self.unread.is_empty(), "bytes after the last chunk: {:?}", self.unread);
                    return Err(End::Clean);
                }
                Body::Bare | Body::Chunk(_) if self.unread.is_empty() => return Ok(None),
                Body::Bare => return Ok(Some(self.unread.split().freeze())),
                Body::Size => {
                    let Some(end) = self.unread.windows(2).position(|two| two == b"\r\n") else { return Ok(None) };
                    let line = String::from_utf8_lossy(&self.unread[..end]).into_owned();
                    self.unread.advance(end + 2);
                    let size = usize::from_str_radix(&line, 16).unwrap_or_else(|_| panic!("not a chunk: {line:?}"));
                    self.body = if size == 0 { Body::LineEnd { last: true } } else { Body::Chunk(size) };
                }
                Body::Chunk(left) => {
                    let bytes = self.unread.split_to(left.min(self.unread.len())).freeze();
                    let left = left - bytes.len();
                    self.body = if left == 0 { Body::LineEnd { last: false } } else { Body::Chunk(left) };
                    return Ok(Some(bytes));
                }
                Body::LineEnd { .. } if self.unread.len() < 2 => return Ok(None),
                Body::LineEnd { last } => {
                    assert_eq!(&self.unread[..2], b"\r\n", "a chunk ends with a line end");
                    self.unread.advance(2);
                    self.body = if last { Body::Over } else { Body::Size };
                }
            }
        }
    }

    /// Reads more; an error at the connection's end.
    async fn fill(&mut self) -> Result<(), End> {
        self.unread.reserve(64 * 1024);
        match within(PATIENCE, "read", self.io.read_buf(&mut self.unread)).await {
            Ok(0) => Err(End::Clean),
            Ok(_) => Ok(()),
            Err(_) => Err(End::Cut),
        }
    }
}
