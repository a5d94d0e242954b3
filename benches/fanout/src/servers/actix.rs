//! actix-web with the responder that its documentation names, over tokio's `broadcast`.

use std::sync::Arc;
use std::time::Duration;

use actix_web::{App, HttpServer, Responder, web};
use actix_web_lab::sse;
use fanout::{Options, Quote};
use futures_util::{StreamExt, future};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

type Quotes = broadcast::Sender<Arc<Quote>>;

#[allow(clippy::unused_async, reason = "an actix handler is an async fn")]
async fn events(quotes: web::Data<Quotes>) -> impl Responder {
    let quotes = BroadcastStream::new(quotes.subscribe());
    let events = quotes
        .filter_map(|quote| future::ready(quote.ok().map(|quote| sse::Data::new_json(&*quote).map(sse::Event::Data))));
    sse::Sse::from_stream(events).with_keep_alive(Duration::from_secs(15))
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let options = Options::from_args();
    let quotes = web::Data::new(fanout::broadcast(options));
    HttpServer::new(move || App::new().app_data(quotes.clone()).route("/events", web::get().to(events)))
        .bind(("127.0.0.1", options.port))?
        .run()
        .await
}
