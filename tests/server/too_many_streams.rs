//! Too many open requests, in total or of one peer: the next one gets a response with a time to retry, and
//! its connection goes on.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum_core::body::Body;
use axum_core::response::Response;
use bytes::Bytes;
use http::Version;
use http_body::Frame;
use support::{Answer, Client, Running, Visitor, until, within};
use touka::extract::State;
use touka::server::{Handle, Park};
use touka::topic::HubError;
use touka::{EventStream, Hub, Router, Server, route, routes, sse_handler};

const PATIENCE: Duration = Duration::from_mins(1);

const BOTH: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];

#[sse_handler]
#[route(GET, "/open")]
async fn open() {
    emit!("here");
    std::future::pending::<()>().await;
}

#[route(GET, "/plain")]
async fn plain() -> &'static str {
    "here"
}

#[route(GET, "/topic")]
async fn topic(State(hub): State<Hub>) -> Result<EventStream, HubError> {
    hub.topic("a")?.subscribe(None).await
}

/// A stream in a body that panics when it is dropped.
#[route(GET, "/panics")]
async fn panics() -> Response {
    struct Panics(Body);

    impl http_body::Body for Panics {
        type Data = Bytes;
        type Error = axum_core::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            Pin::new(&mut self.0).poll_frame(cx)
        }
    }

    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("this body panics on purpose");
        }
    }

    open().await.into_response().map(|body| Body::new(Panics(body)))
}

async fn running(server: Server) -> (Running, Handle) {
    let handle = server.handle();
    let router = Router::new().mount(routes![open, plain, topic, panics]).with_state(Hub::memory());
    (Running::serve_with(server, router).await, handle)
}

/// Loopback counts as a peer once proxies are known to be elsewhere.
fn counted() -> Server {
    Server::new().trust_proxies(["203.0.113.1"]).expect("an address")
}

/// The stream, or `None` if the response is a retry and nothing else.
async fn ask(visitor: &mut Visitor, path: &str) -> Option<Answer> {
    let mut answer = visitor.get(path, &[("accept", "text/event-stream")]).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("text/event-stream")));
    if answer.header("content-length").is_none() {
        return Some(answer);
    }
    assert_eq!(answer.next().await.expect("a clean end"), None);
    let retry = answer.parser().retry().expect("a retry");
    assert!((Duration::from_secs(5)..=Duration::from_secs(15)).contains(&retry), "{retry:?}");
    None
}

async fn is_refused(visitor: &mut Visitor, path: &str) -> bool {
    ask(visitor, path).await.is_none()
}

/// Sends requests on one connection until one is served: an ended stream releases its permit a moment later
/// than its client sees the end.
async fn admitted(visitor: &mut Visitor, path: &str) -> Answer {
    within(PATIENCE, "a permit", async {
        loop {
            if let Some(answer) = ask(visitor, path).await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_over_the_limit_gets_a_retry_on_a_live_connection() {
    for version in BOTH {
        let (server, _) = running(Server::new().max_streams(2)).await;
        let mut first = Client::stream(server.address, "/open").await;
        let second = Client::stream(server.address, "/open").await;
        assert_eq!(first.data().await, "here");
        let mut visitor = Visitor::connect(server.address, version).await;
        for _ in 0..3 {
            assert!(is_refused(&mut visitor, "/open").await);
            let answer = visitor.get("/plain", &[]).await;
            assert_eq!(answer.status, 503);
            let after: u64 = answer.header("retry-after").expect("a time").parse().expect("seconds");
            assert!((5..=15).contains(&after), "{after}");
            assert_eq!(answer.text().await, "the server has too many requests in progress: try again later\n");
        }
        drop(second);
        assert_eq!(admitted(&mut visitor, "/open").await.data().await, "here");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_peer_cannot_use_all_streams() {
    let (server, _) = running(counted().max_streams_per_peer(3)).await;
    // Two over HTTP/2 on one connection, and one over HTTP/1.1 on another, are three.
    let mut visitor = Visitor::connect(server.address, Version::HTTP_2).await;
    let mut held = [visitor.stream("/open").await, visitor.stream("/open").await];
    let third = Client::stream(server.address, "/open").await;
    assert!(is_refused(&mut visitor, "/open").await);
    assert!(is_refused(&mut Visitor::connect(server.address, Version::HTTP_11).await, "/open").await);
    // Another peer has a limit of its own.
    let mut other = Client::connect_from("127.0.0.2", server.address).await;
    for _ in 0..4 {
        other.send("GET /plain HTTP/1.1\r\nhost: test\r\n\r\n").await;
        assert_eq!(other.response().await.1, "here");
    }
    for stream in &mut held {
        assert_eq!(stream.data().await, "here");
    }
    drop(third);
    let third = admitted(&mut visitor, "/open").await;
    assert!(is_refused(&mut visitor, "/open").await);
    // A stream that is reset alone releases its permit, too.
    drop(held);
    let held = [admitted(&mut visitor, "/open").await, admitted(&mut visitor, "/open").await];
    assert!(is_refused(&mut visitor, "/open").await);
    drop((third, held));
}

/// A reverse proxy on this machine speaks for all its clients.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_named_proxies_loopback_has_no_limit_per_peer() {
    let (server, _) = running(Server::new().max_streams_per_peer(1)).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(Client::stream(server.address, "/open").await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parked_stream_holds_its_permit_until_it_ends() {
    for park in [Park::Auto, Park::Never] {
        let (server, handle) = running(counted().max_streams_per_peer(1).park(park)).await;
        let parked = Client::stream(server.address, "/topic").await;
        until(PATIENCE, "the stream is open", || handle.count() == 1).await;
        assert_eq!(handle.streams()[0].is_parked(), park == Park::Auto);
        let mut visitor = Visitor::connect(server.address, Version::HTTP_11).await;
        assert!(is_refused(&mut visitor, "/topic").await);
        drop(parked);
        let again = admitted(&mut visitor, "/topic").await;
        let mut visitor = Visitor::connect(server.address, Version::HTTP_11).await;
        assert!(is_refused(&mut visitor, "/topic").await);
        // A stream that the server ends releases its permit as well, though its client stays.
        handle.close(|_| true);
        admitted(&mut visitor, "/topic").await;
        drop(again);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_whose_drop_panics_releases_its_permit() {
    for version in BOTH {
        let (server, _) = running(counted().max_streams_per_peer(1)).await;
        for _ in 0..3 {
            let mut visitor = Visitor::connect(server.address, version).await;
            let mut answer = admitted(&mut visitor, "/panics").await;
            assert_eq!(answer.data().await, "here");
            let mut other = Visitor::connect(server.address, Version::HTTP_11).await;
            assert!(is_refused(&mut other, "/open").await);
            drop((visitor, answer));
            drop(admitted(&mut other, "/open").await);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_limit_means_no_limit() {
    let server =
        counted().max_streams(usize::MAX).max_streams_per_peer(usize::MAX).max_streams_per_connection(u32::MAX);
    let (server, _) = running(server).await;
    for version in BOTH {
        assert!(!is_refused(&mut Visitor::connect(server.address, version).await, "/open").await);
    }
}
