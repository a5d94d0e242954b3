//! [`Reader`], a client of one stream in any form.

use std::net::SocketAddr;

use bytes::{Buf, Bytes, BytesMut};

use crate::form::{Leave, Version};
use crate::http1::Http1;
use crate::http2::Http2;
use crate::scene::Scene;
use crate::socket::{Control, connect};

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With the last chunk, with `END_STREAM`, or over HTTP/1.0 with the end of the connection.
    Clean,
    /// In another way: cut off.
    Cut,
}

/// The head of a response.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
}

impl Head {
    /// The value of a header field, which must not be there twice.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.iter().filter(|(known, _)| known == name);
        let value = values.next();
        assert!(values.next().is_none(), "{name} was sent twice");
        value.map(|(_, value)| value.as_str())
    }
}

enum Response {
    Http1(Http1),
    Http2(Http2),
}

pub(crate) struct Reader {
    pub(crate) head: Head,
    /// The number of bytes of the body that were read.
    pub(crate) read: usize,
    /// The position with which a subscription opens, as received.
    pub(crate) position: Option<String>,
    response: Response,
    control: Control,
    /// Bytes of the body that were received and not checked yet.
    unseen: BytesMut,
}

impl Reader {
    /// Opens a stream of this name, and reads what comes before its first event.
    pub(crate) async fn open(scene: &Scene, name: &str) -> Self {
        let form = scene.form;
        let (io, control) = connect(scene).await;
        let (head, response) = if form.version() == Version::Http2 {
            let (head, response) = Http2::open(io, &format!("/stream/{name}")).await;
            (head, Response::Http2(response))
        } else {
            let (head, response) = Http1::open(io, &form.request(name)).await;
            (head, Response::Http1(response))
        };
        assert_eq!((head.status, head.field("content-type")), (200, Some("text/event-stream")), "{head:?}");
        let mut this = Self { head, read: 0, position: None, response, control, unseen: BytesMut::new() };
        if form.follows_a_topic() {
            this.take_position().await;
        }
        this
    }

    /// A subscription opens with the client's position, unless it ends before.
    async fn take_position(&mut self) {
        const START: &[u8] = b"id: 1.";
        while self.unseen.len() < START.len() || (self.unseen.starts_with(START) && !self.unseen.ends_with(b"\n\n")) {
            let Ok(bytes) = self.receive().await else { break };
            self.unseen.extend_from_slice(&bytes);
        }
        if self.unseen.starts_with(START) {
            self.position = Some(String::from_utf8(self.unseen.split().to_vec()).expect("text"));
        }
    }

    /// The next bytes of the body, of any length but 0.
    pub(crate) async fn bytes(&mut self) -> Result<Bytes, End> {
        if !self.unseen.is_empty() {
            return Ok(self.unseen.split().freeze());
        }
        self.receive().await
    }

    async fn receive(&mut self) -> Result<Bytes, End> {
        let bytes = match &mut self.response {
            Response::Http1(response) => response.bytes().await,
            Response::Http2(response) => response.bytes().await,
        };
        self.read += bytes.as_ref().map_or(0, Bytes::len);
        bytes
    }

    /// Receives at least `length` bytes.
    async fn has(&mut self, length: usize) {
        while self.unseen.len() < length {
            match self.receive().await {
                Ok(bytes) => self.unseen.extend_from_slice(&bytes),
                Err(end) => panic!("{end:?} after {:?}", self.unseen),
            }
        }
    }

    /// Reads exactly these bytes.
    pub(crate) async fn expects(&mut self, wire: &str) {
        self.has(wire.len()).await;
        let (seen, wanted) = (&self.unseen[..wire.len()], wire.as_bytes());
        if wire.len() < 4096 {
            assert_eq!(String::from_utf8_lossy(seen), wire);
        }
        assert!(seen == wanted, "{} bytes are different", wire.len());
        self.unseen.advance(wire.len());
    }

    /// Reads this event, and returns the number of keep-alives before it.
    pub(crate) async fn expects_after_comments(&mut self, wire: &str) -> usize {
        const COMMENT: &[u8] = b":
";
        let mut comments = 0;
        loop {
            self.has(COMMENT.len()).await;
            if !self.unseen.starts_with(COMMENT) {
                break;
            }
            self.unseen.advance(COMMENT.len());
            comments += 1;
        }
        self.expects(wire).await;
        comments
    }

    /// Everything up to the end, and how the stream ends.
    pub(crate) async fn rest(&mut self) -> (Vec<u8>, End) {
        let mut all = Vec::new();
        loop {
            match self.bytes().await {
                Ok(bytes) => all.extend_from_slice(&bytes),
                Err(end) => return (all, end),
            }
        }
    }

    /// Reads the end: a `retry` of one to three seconds, and nothing else.
    pub(crate) async fn farewell(&mut self) {
        let (rest, end) = self.rest().await;
        let rest = String::from_utf8(rest).expect("text");
        assert_farewell(&rest);
        assert_eq!(end, End::Clean);
    }

    /// Reads the end, with nothing before it.
    pub(crate) async fn ends(&mut self) {
        assert_eq!(self.rest().await, (Vec::new(), End::Clean));
    }

    /// The client's own address, over TCP.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.control.address()
    }

    /// Sends a FIN, and reads on.
    pub(crate) fn half_close(&self) {
        self.control.half_close();
    }

    /// Disconnects.
    pub(crate) async fn leave(self, how: Leave) {
        self.control.leave(how);
        match self.response {
            Response::Http1(response) => drop(response),
            Response::Http2(response) => response.drop_connection().await,
        }
    }
}

/// Asserts that `wire` is the end of a stream whose client shall reconnect.
pub(crate) fn assert_farewell(wire: &str) {
    let retry = wire.strip_prefix("retry: ").and_then(|rest| rest.strip_suffix('\n'));
    let retry: Option<u64> = retry.and_then(|retry| retry.parse().ok());
    assert!(retry.is_some_and(|retry| (1000..=3000).contains(&retry)), "{wire:?}");
}
