//! A real nginx that reuses its connections to touka: streams and requests take turns on them.

use std::time::Duration;

use futures_util::future::join_all;
use http::Version;
use support::{Nginx, Running, Visitor, within};
use touka::extract::State;
use touka::topic::HubError;
use touka::{EventStream, Hub, Router, route, routes, sse_handler};

const PATIENCE: Duration = Duration::from_mins(2);

/// The number of concurrent visitors, and of requests of each.
const VISITORS: usize = 10;
const TURNS: usize = 1_000;

#[sse_handler]
#[route(GET, "/three")]
async fn three() {
    for number in 0..3 {
        emit!(number.to_string());
    }
}

/// Parked, and ended at once.
#[route(GET, "/topic")]
async fn topic(State(hub): State<Hub>) -> Result<EventStream, HubError> {
    let stream: EventStream = hub.topic("a")?.subscribe(None).await?;
    Ok(stream.close_at(std::time::Instant::now()))
}

#[route(GET, "/plain")]
async fn plain() -> &'static str {
    "plain"
}

/// If one side closes a connection while the other sends a request, nginx responds with 502.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_of_ten_thousand_is_lost_when_streams_end() {
    let router = Router::new().mount(routes![three, topic, plain]).with_state(Hub::memory());
    let server = Running::serve(router).await;
    let pool = format!(
        "upstream app {{\nserver 127.0.0.1:3000;\nkeepalive {VISITORS};\n}}\n\
         server {{\nlisten 443 ssl http2;\nlocation / {{\nproxy_pass http://app;\nproxy_http_version 1.1;\n\
         proxy_set_header Connection \"\";\n}}\n}}"
    );
    let nginx = Nginx::start(server.address, &pool).await;
    let visits = (0..VISITORS).map(|number| {
        let address = nginx.address(Version::HTTP_11);
        async move {
            let mut visitor = Visitor::connect(address, Version::HTTP_11).await;
            for turn in 0..TURNS {
                let path = ["/three", "/plain", "/topic"][(number + turn) % 3];
                let answer = visitor.get(path, &[]).await;
                assert_eq!(answer.status, 200, "{path} in turn {turn}");
                answer.text().await;
            }
        }
    });
    within(PATIENCE, "all turns", join_all(visits)).await;
    assert_eq!(nginx.log(), "");
}
