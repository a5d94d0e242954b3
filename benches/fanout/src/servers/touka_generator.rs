//! touka without a topic: a handler of its own for each client, fed by tokio's `broadcast` as the peers'
//! are. What a stream costs that is not shared.

use std::net::SocketAddr;
use std::sync::Arc;

use fanout::{Options, Quote};
use tokio::sync::broadcast;
use touka::extract::State;
use touka::{Event, Router, Server, route, routes, sse_handler};

type Quotes = broadcast::Sender<Arc<Quote>>;

#[sse_handler]
#[route(GET, "/events")]
async fn events(State(quotes): State<Quotes>) {
    let mut quotes = quotes.subscribe();
    while let Ok(quote) = quotes.recv().await {
        emit!(Event::json(&*quote).expect("numbers and a string always serialize"));
    }
}

#[tokio::main]
async fn main() -> touka::Result<()> {
    let options = Options::from_args();
    let app: Router = Router::new().mount(routes![events]).with_state(fanout::broadcast(options));
    Server::new().serve(SocketAddr::from(([127, 0, 0, 1], options.port)), app).await
}
