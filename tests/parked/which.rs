//! Which subscriptions are parked, and that the layers and bodies around the others stay in effect.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum_core::body::Body;
use axum_core::response::Response;
use bytes::Bytes;
use http::Version;
use http_body::Frame;
use support::{Certificate, Client, Count, Held, Running, Visitor, until};
use tokio::net::TcpStream;
use touka::extract::{LastEventId, State};
use touka::server::{Handle, Park};
use touka::topic::HubError;
use touka::{EventStream, Hub, Router, Server, route, routes};
use tower_http::cors::CorsLayer;

use crate::scene::PATIENCE;

#[derive(Clone)]
struct App {
    hub: Hub,
    held: Count,
}

async fn follow(app: &App) -> Result<EventStream, HubError> {
    app.hub.topic("a")?.subscribe(None).await
}

#[route(GET, "/a")]
async fn a(State(app): State<App>) -> Result<EventStream, HubError> {
    follow(&app).await
}

#[route(GET, "/two")]
async fn two(State(app): State<App>, from: LastEventId) -> Result<EventStream, HubError> {
    app.hub.subscribe(["a", "b"], from)?.await
}

/// Wraps the stream's body in one that changes nothing and holds a guard.
#[route(GET, "/guarded")]
async fn guarded(State(app): State<App>) -> Result<Response, HubError> {
    let guard = app.held.hold();
    Ok(follow(&app).await?.into_response().map(|body| Body::new(Around { body, change: false, _guard: Some(guard) })))
}

/// Wraps the stream's body in one that changes every byte.
#[route(GET, "/loud")]
async fn loud(State(app): State<App>) -> Result<Response, HubError> {
    Ok(follow(&app).await?.into_response().map(|body| Body::new(Around { body, change: true, _guard: None })))
}

/// Replaces the stream's body.
#[route(GET, "/replaced")]
async fn replaced(State(app): State<App>) -> Result<Response, HubError> {
    Ok(follow(&app).await?.into_response().map(|_| Body::from("data: replaced\n\n")))
}

struct Around {
    body: Body,
    change: bool,
    _guard: Option<Held>,
}

impl http_body::Body for Around {
    type Data = Bytes;
    type Error = axum_core::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let change = self.change;
        Pin::new(&mut self.body)
            .poll_frame(cx)
            .map_ok(|frame| frame.map_data(|data| if change { data.to_ascii_uppercase().into() } else { data }))
    }
}

fn router(app: App) -> Router {
    Router::new().mount(routes![a, two, guarded, loud, replaced]).with_state(app)
}

fn app() -> App {
    App { hub: Hub::memory(), held: Count::default() }
}

async fn running(server: Server, service: impl support::App) -> (Running, Handle) {
    let handle = server.handle();
    (Running::serve_with(server, service).await, handle)
}

/// Whether the newest stream is parked.
fn is_parked(handle: &Handle) -> bool {
    handle.streams().last().expect("a stream").is_parked()
}

/// A layer prevents parking only if it changes bodies.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_layer_prevents_parking_only_if_it_changes_bodies() {
    let app = app();
    let cors = router(app.clone()).layer(CorsLayer::permissive());
    let (server, handle) = running(Server::new(), cors).await;
    let mut client = Client::get(server.address, "/a").await;
    assert_eq!(client.head().await.header("access-control-allow-origin"), Some("*"));
    assert!(is_parked(&handle));
    app.hub.topic::<touka::Event>("a").unwrap().publish("one").await.unwrap();
    assert_eq!(client.data().await, "one");

    // The type of the layer's responses shows that it replaces their bodies.
    let counts =
        tower_http::map_response_body::MapResponseBodyLayer::new(|body| Around { body, change: true, _guard: None });
    let (server, handle) = running(Server::new(), router(app.clone()).layer(counts)).await;
    let mut client = Client::stream(server.address, "/a").await;
    assert!(!is_parked(&handle));
    let first = client.chunk().await.unwrap().unwrap();
    assert!(first.starts_with(b"ID: 1."), "{first:?}");
}

/// A service of unknown type is parked only on demand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_service_is_parked_only_on_demand() {
    for (park, parked) in [(Park::Auto, false), (Park::Always, true), (Park::Never, false)] {
        let app = app();
        let axum = axum::Router::new().fallback_service(router(app.clone()));
        let (server, handle) = running(Server::new().park(park), axum).await;
        let mut client = Client::stream(server.address, "/a").await;
        assert_eq!(is_parked(&handle), parked, "{park:?}");
        app.hub.topic::<touka::Event>("a").unwrap().publish("one").await.unwrap();
        assert_eq!(client.data().await, "one");
    }
    // A router in a router's fallback may have been wrapped by any layer.
    let inner = router(app());
    let (server, handle) = running(Server::new(), Router::new().fallback_service(inner)).await;
    drop(Client::stream(server.address, "/a").await);
    until(PATIENCE, "the client disconnects", || handle.count() == 0).await;
    let mut client = Client::stream(server.address, "/a").await;
    assert!(!is_parked(&handle));
    assert!(client.chunk().await.unwrap().is_some());
}

/// A wrapper that a handler puts around a body stays in effect.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrapper_around_a_body_stays_in_effect() {
    let app = app();
    let (server, handle) = running(Server::new(), router(app.clone())).await;
    let topic = app.hub.topic::<touka::Event>("a").unwrap();
    // A body that changes bytes still changes them.
    let mut loud = Client::stream(server.address, "/loud").await;
    assert!(!is_parked(&handle));
    loud.chunk().await.unwrap();
    let id = topic.publish("one").await.unwrap().to_string().to_ascii_uppercase();
    assert_eq!(loud.chunk().await.unwrap().unwrap(), format!("ID: {id}\nDATA: ONE\n\n").into_bytes());
    drop(loud);
    // The replacement is sent.
    let mut replaced = Client::get(server.address, "/replaced").await;
    let (head, text) = replaced.response().await;
    assert_eq!((head.status(), text.as_str()), (200, "data: replaced\n\n"), "{head:?}");
    until(PATIENCE, "the topic has no subscriber", || topic.subscribers() == 0).await;
    drop(replaced);
    // Its guard is held as long as the client stays.
    let mut guarded = Client::stream(server.address, "/guarded").await;
    assert!(is_parked(&handle));
    topic.publish("two").await.unwrap();
    assert_eq!(guarded.data().await, "two");
    assert_eq!(app.held.get(), 1);
    drop(guarded);
    until(PATIENCE, "the guard is dropped", || app.held.get() == 0).await;
}

/// Several topics, other transports and `connection: close` are served as bodies.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_subscriptions_are_served_as_bodies() {
    let app = app();
    let (server, handle) = running(Server::new(), router(app.clone())).await;
    let topic = app.hub.topic::<touka::Event>("a").unwrap();
    let mut two = Client::stream(server.address, "/two").await;
    assert!(!is_parked(&handle));
    topic.publish("one").await.unwrap();
    assert_eq!(two.data().await, "one");

    let mut closes = Client::connect(server.address).await;
    closes.send("GET /a HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").await;
    assert_eq!(closes.head().await.header("connection"), Some("close"));
    assert!(!is_parked(&handle));

    let mut http2 = Visitor::connect(server.address, Version::HTTP_2).await;
    let _answer = http2.stream("/a").await;
    assert!(!is_parked(&handle));

    let certificate = Certificate::new();
    let (server, handle) = running(Server::new().tls(certificate.tls()), router(app)).await;
    let socket = TcpStream::connect(server.address).await.unwrap();
    let mut tls = Visitor::over(certificate.connect(socket, &[b"http/1.1"]).await, Version::HTTP_11).await;
    let _answer = tls.stream("/a").await;
    assert!(!is_parked(&handle));
}
