//! touka's topic. `--no-park` serves each subscription as an ordinary body, as over HTTP/2 or TLS.

use std::net::SocketAddr;

use fanout::Options;
use serde::Serialize;
use touka::extract::{LastEventId, State};
use touka::server::Park;
use touka::topic::HubError;
use touka::{EventStream, Hub, IntoEvent, Router, Server, route, routes};

#[derive(Serialize, IntoEvent)]
struct Quote {
    seq: u64,
    sent_ns: u64,
    filler: String,
}

#[route(GET, "/events")]
async fn events(State(hub): State<Hub>, from: LastEventId) -> Result<EventStream<Quote>, HubError> {
    hub.topic("quotes")?.subscribe(from).await
}

#[tokio::main]
async fn main() -> touka::Result<()> {
    let options = Options::from_args();
    let hub = Hub::memory();
    let topic = hub.topic::<Quote>("quotes").expect("a valid name");
    tokio::spawn(fanout::publish(options, async move |fanout::Quote { seq, sent_ns, filler }| {
        topic.publish(Quote { seq, sent_ns, filler }).await.expect("published");
    }));
    let park = if options.park { Park::Auto } else { Park::Never };
    let app: Router = Router::new().mount(routes![events]).with_state(hub);
    Server::new().park(park).serve(SocketAddr::from(([127, 0, 0, 1], options.port)), app).await
}
