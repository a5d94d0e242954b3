//! poem's `SSE` over tokio's `broadcast`, with its keep-alive.

use std::sync::Arc;
use std::time::Duration;

use fanout::{Options, Quote};
use futures_util::{StreamExt, future};
use poem::listener::TcpListener;
use poem::web::Data;
use poem::web::sse::{Event, SSE};
use poem::{EndpointExt, Route, Server, get, handler};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

type Quotes = broadcast::Sender<Arc<Quote>>;

#[handler]
fn events(Data(quotes): Data<&Quotes>) -> SSE {
    let quotes = BroadcastStream::new(quotes.subscribe());
    let events = quotes.filter_map(|quote| future::ready(quote.ok().map(|quote| Event::message(quote.json()))));
    SSE::new(events).keep_alive(Duration::from_secs(15))
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let options = Options::from_args();
    let app = Route::new().at("/events", get(events)).data(fanout::broadcast(options));
    Server::new(TcpListener::bind(("127.0.0.1", options.port))).run(app).await
}
