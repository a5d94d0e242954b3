//! [`NodeServer`], which serves the topics of a node over HTTP.

use support::Running;
use touka::extract::{LastEventId, State};
use touka::server::{Handle, OpenStream};
use touka::{EventStream, Hub, HubError, Router, Server, route, routes};

/// A server of a node, in this process.
#[derive(Debug)]
pub(crate) struct NodeServer {
    pub(crate) running: Running,
    handle: Handle,
}

/// Follows the topics whose names are separated by commas. A stream of one topic is parked.
#[route(GET, "/follow?{topics}")]
async fn follow(State(hub): State<Hub>, topics: String, from: LastEventId) -> Result<EventStream, HubError> {
    match topics.split_once(',') {
        None => hub.topic(topics)?.subscribe(from).await,
        Some(_) => hub.subscribe(topics.split(','), from)?.await,
    }
}

impl NodeServer {
    pub(crate) async fn start(hub: &Hub) -> Self {
        let router = Router::new().mount(routes![follow]).with_state(hub.clone());
        let server = Server::new();
        let handle = server.handle();
        Self { running: Running::serve_with(server, router).await, handle }
    }

    /// The number of its streams that are parked.
    pub(crate) fn parked(&self) -> usize {
        self.handle.streams().iter().filter(|stream| OpenStream::is_parked(stream)).count()
    }
}
