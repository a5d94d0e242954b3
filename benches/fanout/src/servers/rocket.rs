//! Rocket's `EventStream!` over tokio's `broadcast`, as in its chat example.

use std::sync::Arc;

use fanout::{Options, Quote};
use rocket::response::stream::{Event, EventStream};
use rocket::{Shutdown, State, get, routes};
use tokio::select;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

type Quotes = broadcast::Sender<Arc<Quote>>;

#[get("/events")]
fn events(quotes: &State<Quotes>, mut end: Shutdown) -> EventStream![] {
    let mut quotes = quotes.subscribe();
    EventStream! {
        loop {
            let quote = select! {
                quote = quotes.recv() => match quote {
                    Ok(quote) => quote,
                    Err(RecvError::Closed) => break,
                    Err(RecvError::Lagged(_)) => continue,
                },
                () = &mut end => break,
            };
            yield Event::json(&*quote);
        }
    }
}

#[rocket::main]
async fn main() -> Result<(), Box<rocket::Error>> {
    let options = Options::from_args();
    let figment = rocket::Config::figment().merge(("port", options.port)).merge(("log_level", "off"));
    let app = rocket::custom(figment).manage(fanout::broadcast(options)).mount("/", routes![events]);
    app.launch().await.map(drop).map_err(Box::new)
}
