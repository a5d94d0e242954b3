//! [`Connection`], one stream of a client, in this process or over a socket.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use touka::testing::Parser;
use touka::{Event, EventId, EventStream, Hub};

/// How a client reaches the nodes.
#[derive(Clone, Debug)]
pub(crate) enum Access {
    /// In this process.
    Hubs(Arc<[Hub]>),
    /// Over HTTP. A node serves a stream of some topics at a path like `/follow?topics=…`, with the names separated by
    /// commas.
    Servers {
        nodes: Arc<[SocketAddr]>,
        path: &'static str,
        /// The time without a byte after which a client reconnects. `None` for nodes that always run.
        silence: Option<Duration>,
    },
}

/// A block of a stream, as it has arrived.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) id: String,
    /// The name of the event. Empty if it has none.
    pub(crate) name: String,
    /// `None` for the position that a stream opens with.
    pub(crate) data: Option<String>,
}

/// One stream of a client.
pub(crate) enum Connection {
    Stream(EventStream),
    Socket { client: support::Client, unread: Vec<u8>, silence: Duration },
}

/// The buffer of a client's socket, in bytes. It is small, so that a client that does not read blocks its server soon.
const RECEIVE_BUFFER: u32 = 8 * 1024;

impl Access {
    pub(crate) fn nodes(&self) -> usize {
        match self {
            Self::Hubs(hubs) => hubs.len(),
            Self::Servers { nodes, .. } => nodes.len(),
        }
    }

    /// Follows topics from an id. `None` if the node has no stream now.
    pub(crate) async fn open(&self, node: usize, topics: &[String], last: Option<&str>) -> Option<Connection> {
        match self {
            Self::Hubs(hubs) => {
                let last = last.map(|last| EventId::new(last.to_owned()).expect("an id"));
                let stream = match topics {
                    [topic] => hubs[node].topic::<Event>(topic).expect("a topic").subscribe(last).await,
                    _ => hubs[node].subscribe(topics, last).expect("topics").await,
                };
                stream.ok().map(Connection::Stream)
            }
            Self::Servers { nodes, path, silence } => {
                let last = last.map(|last| format!("last-event-id: {last}\r\n")).unwrap_or_default();
                let request = format!("GET {path}?topics={} HTTP/1.1\r\nhost: test\r\n{last}\r\n", topics.join(","));
                let silence = silence.unwrap_or(Duration::MAX);
                let opened = timeout(silence, async {
                    let mut client = support::Client::try_connect_small(nodes[node], RECEIVE_BUFFER).await?;
                    client.socket.write_all(request.as_bytes()).await?;
                    let head = client.try_head().await?;
                    assert_eq!(head.status(), 200, "an EventSource stops: {head:?}");
                    io::Result::Ok((client, head))
                });
                let (client, head) = opened.await.ok()?.ok()?;
                // A node without a connection to Redis answers with a stream that ends at once.
                if head.header("content-length").is_some() {
                    return None;
                }
                Some(Connection::Socket { client, unread: Vec::new(), silence })
            }
        }
    }
}

impl Connection {
    /// The next block with an id. `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Arrived> {
        match self {
            Self::Stream(stream) => {
                let event = stream.next().await?;
                let name = event.as_event().map(ToString::to_string).unwrap_or_default();
                let id = event.as_id().expect("each event has an id").to_string();
                Some(Arrived { id, name, data: event.as_data().map(ToOwned::to_owned) })
            }
            Self::Socket { client, unread, silence } => loop {
                while let Some(end) = unread.windows(2).position(|two| two == b"\n\n") {
                    let block: Vec<_> = unread.drain(..end + 2).collect();
                    let mut parser = Parser::new();
                    parser.feed(&block);
                    match parser.take().pop() {
                        Some(event) => {
                            return Some(Arrived { id: event.id, name: event.name, data: Some(event.data) });
                        }
                        None if parser.last_event_id().is_empty() => {}
                        None => {
                            let id = parser.last_event_id().to_owned();
                            return Some(Arrived { id, name: String::new(), data: None });
                        }
                    }
                }
                unread.extend(timeout(*silence, client.chunk()).await.ok()?.ok()??);
            },
        }
    }
}

/// The pause after which a client of this kind connects again.
pub(crate) const RECONNECT_AFTER: Duration = Duration::from_millis(10);
