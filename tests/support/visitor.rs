//! A client that speaks either version of HTTP, for tests that must observe the same over both.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Version};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use touka::testing::{Parser, Received};

use crate::wait::within;

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// One connection, as a browser has it: over HTTP/1.1 for one stream at a time, over HTTP/2 for many.
/// Dropping it closes the connection.
#[derive(Debug)]
pub struct Visitor {
    sender: Sender,
    connection: JoinHandle<hyper::Result<()>>,
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

impl Visitor {
    /// Connects in cleartext. HTTP/2 is used with prior knowledge.
    pub async fn connect(address: SocketAddr, version: Version) -> Self {
        let socket = within(PATIENCE, "connect", TcpStream::connect(address)).await.expect("connect");
        Self::over(socket, version).await
    }

    /// Uses an existing connection: through TLS, a Unix socket, a gate.
    pub async fn over(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, version: Version) -> Self {
        let io = TokioIo::new(io);
        if version == Version::HTTP_2 {
            let shaken = http2::handshake(TokioExecutor::new(), io);
            let (sender, connection) = within(PATIENCE, "the handshake", shaken).await.expect("the handshake");
            Self { sender: Sender::Http2(sender), connection: tokio::spawn(connection) }
        } else {
            let (sender, connection) = http1::handshake(io).await.expect("the handshake");
            Self { sender: Sender::Http1(sender), connection: tokio::spawn(connection) }
        }
    }

    /// Sends a GET with these headers, and waits for the head of the response.
    pub async fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.try_get(path, headers).await.expect("a response")
    }

    /// Like [`get`](Self::get), if there may be no response.
    ///
    /// # Errors
    /// The connection is closed, or the request was refused without a response.
    pub async fn try_get(&mut self, path: &str, headers: &[(&str, &str)]) -> hyper::Result<Answer> {
        self.request(Method::GET, path, headers).await
    }

    /// Sends a HEAD, and waits for the head of the response.
    pub async fn head(&mut self, path: &str) -> Answer {
        self.request(Method::HEAD, path, &[]).await.expect("a response")
    }

    async fn request(&mut self, method: Method, path: &str, headers: &[(&str, &str)]) -> hyper::Result<Answer> {
        let request = Request::builder().method(method);
        // HTTP/2 takes the host from the URI, HTTP/1.1 from the header.
        let request = match self.sender {
            Sender::Http1(_) => request.uri(path).header("host", "test"),
            Sender::Http2(_) => request.uri(format!("http://test{path}")),
        };
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request.body(Empty::new()).expect("a request");
        let answer = async {
            match &mut self.sender {
                Sender::Http1(sender) => {
                    // The connection may still be reading the end of the response before this one.
                    sender.ready().await?;
                    sender.send_request(request).await
                }
                Sender::Http2(sender) => sender.send_request(request).await,
            }
        };
        let (head, body) = within(PATIENCE, "the head", answer).await?.into_parts();
        Ok(Answer { status: head.status, headers: head.headers, body, parser: Parser::new(), events: VecDeque::new() })
    }

    /// Like [`get`](Self::get), for an event stream.
    pub async fn stream(&mut self, path: &str) -> Answer {
        let answer = self.get(path, &[]).await;
        assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, Some("text/event-stream")));
        answer
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// A response, whose body may never end. Dropping it over HTTP/2 resets its stream and leaves the connection
/// open, as a browser does when one of several pages is closed.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    body: Incoming,
    parser: Parser,
    events: VecDeque<Received>,
}

impl Answer {
    /// The value of a header, which must not be there twice.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next();
        assert_eq!(values.next(), None, "{name} was sent twice");
        value.map(|value| value.to_str().expect("text"))
    }

    /// The next bytes of the body; `None` at its clean end.
    ///
    /// # Errors
    /// The body was cut off.
    pub async fn bytes(&mut self) -> hyper::Result<Option<Bytes>> {
        loop {
            match within(PATIENCE, "the body", self.body.frame()).await.transpose()? {
                None => return Ok(None),
                Some(frame) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => return Ok(Some(data)),
                    // Empty data carries the end, or nothing.
                    _ => {}
                },
            }
        }
    }

    /// The next event; `None` at the stream's clean end.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub async fn next(&mut self) -> hyper::Result<Option<Received>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            let Some(bytes) = self.bytes().await? else { return Ok(None) };
            self.parser.feed(&bytes);
            self.events.extend(self.parser.take());
        }
    }

    /// The data of the next event.
    pub async fn data(&mut self) -> String {
        self.next().await.expect("the stream was cut off").expect("the stream ended").data
    }

    /// The parser, for its state beside the events.
    pub fn parser(&self) -> &Parser {
        &self.parser
    }

    /// The text of a body that ends.
    pub async fn text(mut self) -> String {
        let mut all = Vec::new();
        while let Some(bytes) = self.bytes().await.expect("the body was cut off") {
            all.extend_from_slice(&bytes);
        }
        String::from_utf8(all).expect("the body is text")
    }
}
