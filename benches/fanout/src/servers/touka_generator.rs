//! touka without a topic: a handler of its own for each client, fed by tokio's `broadcast` like the peers.
//! Measures the cost of a stream that is not shared.

use std::net::SocketAddr;
use std::sync::Arc;

use fanout::{Options, Quote};
use serde::Serialize;
use tokio::sync::broadcast;
use touka::extract::State;
use touka::{EventStream, IntoEvent, Router, Server, route, routes, sse_handler};

type Quotes = broadcast::Sender<Arc<Quote>>;

/// One quote for all clients. Each client's JSON is serialized separately, directly into its frame.
#[derive(Serialize, IntoEvent)]
struct Shared(Arc<Quote>);

#[sse_handler]
#[route(GET, "/events")]
async fn events(State(quotes): State<Quotes>) -> EventStream<Shared> {
    let mut quotes = quotes.subscribe();
    while let Ok(quote) = quotes.recv().await {
        emit!(Shared(quote));
    }
}

#[tokio::main]
async fn main() -> touka::Result<()> {
    let options = Options::from_args();
    let app: Router = Router::new().mount(routes![events]).with_state(fanout::broadcast(options));
    Server::new().serve(SocketAddr::from(([127, 0, 0, 1], options.port)), app).await
}
