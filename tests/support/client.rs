//! A client that shows the bytes on the socket.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use touka::testing::{Parser, Received};

use crate::wait::within;

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A response's head, as received.
#[derive(Clone, Debug)]
pub struct Head {
    /// The status line and the headers, without the last blank line.
    pub text: String,
}

impl Head {
    /// The status code.
    pub fn status(&self) -> u16 {
        self.text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// The value of a header, which must not be there twice. nginx writes names in its own case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.lines().filter_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(value));
        let value = values.next();
        assert_eq!(values.next(), None, "{name} was sent twice");
        value
    }

    /// The name and value of each header, in order.
    pub fn lines(&self) -> impl Iterator<Item = (&str, &str)> {
        self.text.lines().skip(1).filter_map(|line| line.split_once(": "))
    }
}

/// One connection to a server.
#[derive(Debug)]
pub struct Client {
    /// The socket, for tests that close it in a way of their own.
    pub socket: TcpStream,
    /// Bytes read and not parsed yet.
    unread: Vec<u8>,
    parser: Parser,
    events: VecDeque<Received>,
}

impl Client {
    /// Connects without sending a request.
    pub async fn connect(address: SocketAddr) -> Self {
        Self::over(within(PATIENCE, "connect", TcpStream::connect(address)).await.expect("connect"))
    }

    /// Connects with a receive buffer of about this many bytes: what the kernel buffers for a client that
    /// does not read.
    pub async fn connect_small(address: SocketAddr, receive_buffer: u32) -> Self {
        Self::try_connect_small(address, receive_buffer).await.expect("connect")
    }

    /// Like [`connect_small`](Self::connect_small), for a server that may be down.
    ///
    /// # Errors
    /// The server does not accept the connection.
    pub async fn try_connect_small(address: SocketAddr, receive_buffer: u32) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(receive_buffer)?;
        Ok(Self::over(within(PATIENCE, "connect", socket.connect(address)).await?))
    }

    /// Connects from an address of this machine's loopback network, which is another peer to the server.
    pub async fn connect_from(source: &str, address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("socket");
        socket.bind(SocketAddr::new(source.parse().expect("an address"), 0)).expect("bind");
        Self::over(within(PATIENCE, "connect", socket.connect(address)).await.expect("connect"))
    }

    fn over(socket: TcpStream) -> Self {
        Self { socket, unread: Vec::new(), parser: Parser::new(), events: VecDeque::new() }
    }

    /// Connects and sends a GET.
    pub async fn get(address: SocketAddr, path: &str) -> Self {
        let mut client = Self::connect(address).await;
        client.send(&format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")).await;
        client
    }

    /// Connects, sends a GET, and reads the head of an event stream.
    pub async fn stream(address: SocketAddr, path: &str) -> Self {
        let mut client = Self::get(address, path).await;
        let head = client.head().await;
        assert_eq!((head.status(), head.header("content-type")), (200, Some("text/event-stream")), "{head:?}");
        client
    }

    /// Sends these bytes unchanged.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        within(PATIENCE, "send", self.socket.write_all(bytes.as_ref())).await.expect("send");
    }

    /// Reads a response's head.
    pub async fn head(&mut self) -> Head {
        let head = self.try_head().await;
        head.unwrap_or_else(|error| panic!("no head: {error}: {:?}", self.text()))
    }

    /// Like [`head`](Self::head), for a server that may close the connection.
    ///
    /// # Errors
    /// The connection broke, or was closed before the head.
    pub async fn try_head(&mut self) -> io::Result<Head> {
        let end = loop {
            if let Some(end) = find(&self.unread, b"\r\n\r\n") {
                break end;
            }
            self.fill_more().await?;
        };
        let text = String::from_utf8(self.unread.drain(..end + 4).collect()).expect("a head is text");
        Ok(Head { text: text.trim_end().to_owned() })
    }

    /// The next chunk of the body, as it was framed; `None` at the body's clean end.
    ///
    /// # Errors
    /// The connection broke, or was closed in the middle.
    pub async fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let size = loop {
            if let Some(end) = find(&self.unread, b"\r\n") {
                let line = String::from_utf8_lossy(&self.unread[..end]).into_owned();
                self.unread.drain(..end + 2);
                break usize::from_str_radix(&line, 16)
                    .map_err(|_| io::Error::other(format!("not a chunk: {line:?}")))?;
            }
            self.fill_more().await?;
        };
        while self.unread.len() < size + 2 {
            self.fill_more().await?;
        }
        let chunk = self.unread.drain(..size).collect();
        let end: Vec<u8> = self.unread.drain(..2).collect();
        assert_eq!(end, b"\r\n", "a chunk ends with a line end");
        Ok((size > 0).then_some(chunk))
    }

    /// The next event of the stream; `None` at its clean end.
    ///
    /// # Errors
    /// As [`Client::chunk`].
    pub async fn next(&mut self) -> io::Result<Option<Received>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            let Some(chunk) = self.chunk().await? else { return Ok(None) };
            self.parser.feed(&chunk);
            self.events.extend(self.parser.take());
        }
    }

    /// The data of the next event.
    pub async fn data(&mut self) -> String {
        self.next().await.expect("read an event").expect("the stream ended").data
    }

    /// The parser, for its state beside the events.
    pub fn parser(&self) -> &Parser {
        &self.parser
    }

    /// A response with a content length: its head and its text.
    pub async fn response(&mut self) -> (Head, String) {
        let response = self.try_response().await;
        response.unwrap_or_else(|error| panic!("no response: {error}: {:?}", self.text()))
    }

    /// Like [`response`](Self::response), for a server that may close the connection.
    ///
    /// # Errors
    /// The connection broke, or was closed before the end of the response.
    pub async fn try_response(&mut self) -> io::Result<(Head, String)> {
        let head = self.try_head().await?;
        let length = head.header("content-length").map_or(0, |length| length.parse().expect("a length"));
        while self.unread.len() < length {
            self.fill_more().await?;
        }
        let body = self.unread.drain(..length).collect();
        Ok((head, String::from_utf8(body).expect("the body is text")))
    }

    /// All bytes up to the server's close.
    ///
    /// # Errors
    /// The connection broke instead.
    pub async fn rest(mut self) -> io::Result<Vec<u8>> {
        while self.fill().await? > 0 {}
        Ok(self.unread)
    }

    /// Closes with a reset instead of a FIN.
    pub fn reset(self) {
        socket2::SockRef::from(&self.socket).set_linger(Some(Duration::ZERO)).expect("set linger");
    }

    async fn fill_more(&mut self) -> io::Result<()> {
        match self.fill().await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    async fn fill(&mut self) -> io::Result<usize> {
        within(PATIENCE, "read", self.socket.read_buf(&mut self.unread)).await
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.unread).into_owned()
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
