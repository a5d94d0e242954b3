//! warp's `sse` over tokio's `broadcast`, with its keep-alive.

use fanout::Options;
use futures_util::{StreamExt, future};
use tokio_stream::wrappers::BroadcastStream;
use warp::Filter;
use warp::sse::Event;

#[tokio::main]
async fn main() {
    let options = Options::from_args();
    let quotes = fanout::broadcast(options);
    let events = warp::path("events").and(warp::get()).map(move || {
        let quotes = BroadcastStream::new(quotes.subscribe());
        let events =
            quotes.filter_map(|quote| future::ready(quote.ok().map(|quote| Event::default().json_data(&*quote))));
        warp::sse::reply(warp::sse::keep_alive().stream(events))
    });
    warp::serve(events).run(([127, 0, 0, 1], options.port)).await;
}
