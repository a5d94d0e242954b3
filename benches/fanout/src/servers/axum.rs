//! axum's `Sse` over tokio's `broadcast`, with its keep-alive.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::get;
use fanout::{Options, Quote};
use futures_util::{Stream, StreamExt, future};
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

type Quotes = broadcast::Sender<Arc<Quote>>;

#[allow(clippy::unused_async, reason = "an axum handler is an async fn")]
async fn events(State(quotes): State<Quotes>) -> Sse<impl Stream<Item = Result<Event, axum::Error>>> {
    let quotes = BroadcastStream::new(quotes.subscribe());
    let events = quotes.filter_map(|quote| future::ready(quote.ok().map(|quote| Event::default().json_data(&*quote))));
    Sse::new(events).keep_alive(KeepAlive::default())
}

#[tokio::main]
async fn main() {
    let options = Options::from_args();
    let listener = TcpListener::bind(("127.0.0.1", options.port)).await.expect("a free port");
    let app = Router::new().route("/events", get(events)).with_state(fanout::broadcast(options));
    axum::serve(listener, app).await.expect("axum serves until the process ends");
}
