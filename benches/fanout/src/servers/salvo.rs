//! salvo's `sse` over tokio's `broadcast`, with its keep-alive.

use std::sync::Arc;

use fanout::{Options, Quote};
use futures_util::{StreamExt, future};
use salvo::prelude::*;
use salvo::sse::{SseEvent, SseKeepAlive};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

type Quotes = broadcast::Sender<Arc<Quote>>;

#[handler]
async fn events(depot: &mut Depot, res: &mut Response) {
    let quotes = depot.get_typed::<Quotes>().expect("the hoop puts it there");
    let quotes = BroadcastStream::new(quotes.subscribe());
    let stream = quotes.filter_map(|quote| future::ready(quote.ok().map(|quote| SseEvent::default().json(&*quote))));
    SseKeepAlive::new(stream).stream(res);
}

#[tokio::main]
async fn main() {
    let options = Options::from_args();
    let acceptor = TcpListener::new(("127.0.0.1", options.port)).bind().await;
    let quotes = fanout::broadcast(options);
    let router = Router::new().hoop(affix_state::inject(quotes)).push(Router::with_path("events").get(events));
    Server::new(acceptor).serve(router).await;
}
