//! A response over HTTP/2, on a connection of its own. Unread bytes keep the stream's window closed.

use bytes::Bytes;
use h2::RecvStream;
use h2::client::SendRequest;
use http::Request;
use support::within;
use tokio::task::JoinHandle;

use crate::reader::{End, Head};
use crate::scene::PATIENCE;
use crate::socket::Io;

pub(crate) struct Http2 {
    body: RecvStream,
    /// Without this handle, the client would close a connection without streams.
    _requests: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
}

impl Http2 {
    /// Sends a request for a path, and reads the head of its response.
    pub(crate) async fn open(io: Box<dyn Io>, path: &str) -> (Head, Self) {
        let (requests, connection) =
            within(PATIENCE, "the handshake", h2::client::handshake(io)).await.expect("the handshake");
        let connection = tokio::spawn(connection);
        let mut requests = within(PATIENCE, "the connection", requests.ready()).await.expect("ready");
        let request = Request::get(format!("http://test{path}")).body(()).expect("a request");
        let (response, _) = requests.send_request(request, true).expect("send");
        let (head, body) = within(PATIENCE, "the head", response).await.expect("an answer").into_parts();
        let fields = head.headers.iter();
        let fields = fields.map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned()));
        let head = Head { status: head.status.as_u16(), fields: fields.collect() };
        (head, Self { body, _requests: requests, connection })
    }

    /// The next bytes of the body.
    pub(crate) async fn bytes(&mut self) -> Result<Bytes, End> {
        loop {
            match within(PATIENCE, "the body", self.body.data()).await {
                None => return Err(End::Clean),
                Some(Err(_)) => return Err(End::Cut),
                Some(Ok(bytes)) => {
                    self.body.flow_control().release_capacity(bytes.len()).expect("received before");
                    // Empty data carries the end.
                    if !bytes.is_empty() {
                        return Ok(bytes);
                    }
                }
            }
        }
    }

    /// Closes the connection, without telling the server.
    pub(crate) async fn drop_connection(self) {
        self.connection.abort();
        let _ = self.connection.await;
    }
}
