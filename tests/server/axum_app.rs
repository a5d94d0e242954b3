//! An axum app moves from axum's server to touka's without losing anything.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, MatchedPath};
use axum::routing::{get, post};
use http::Version;
use support::{Client, Folder, Running, Visitor};
use tokio::net::{TcpListener, UnixStream};
use touka::server::AxumRoutes;
use touka::{Router, Server, extract, route, routes};

use crate::axum_streams::{foreign, room};
use crate::figures::Figures;

async fn who(ConnectInfo(peer): ConnectInfo<SocketAddr>) -> String {
    peer.to_string()
}

/// touka's extractors in an app that axum routes.
async fn ours(peer: Option<extract::ConnectInfo>, path: extract::MatchedPath, axums: MatchedPath) -> String {
    format!("{:?} {path} {}", peer.map(|peer| peer.0), axums.as_str())
}

/// An axum app, unchanged for touka.
fn app() -> axum::Router {
    let inner = axum::Router::new().route("/{room}", get(room));
    axum::Router::new()
        .nest("/rooms", inner)
        .route("/foreign", get(foreign))
        .route("/who", get(who))
        .route("/ours/{a}", get(ours))
        .route("/plain/{id}", post(|| async { "posted" }))
}

#[route(GET, "/ours")]
async fn in_touka(extract::ConnectInfo(peer): extract::ConnectInfo, path: extract::MatchedPath) -> String {
    format!("{peer} {path}")
}

/// The address the request came from, the status and the text of a GET of `path`.
async fn text(address: SocketAddr, path: &str) -> (SocketAddr, u16, String) {
    let mut client = Client::get(address, path).await;
    let (head, text) = client.response().await;
    (client.socket.local_addr().expect("an address"), head.status(), text)
}

#[tokio::test]
async fn every_form_of_an_app_is_served_with_client_addresses() {
    let address = |listener: &TcpListener| listener.local_addr().expect("an address");
    // The one line that changes, in each of its spellings.
    let mut served = Vec::new();
    for _ in 0..4 {
        served.push(TcpListener::bind("127.0.0.1:0").await.expect("bind"));
    }
    let addresses: Vec<_> = served.iter().map(address).collect();
    let mut listeners = served.into_iter();
    let mut next = || listeners.next().expect("a listener");
    tokio::spawn(touka::serve(next(), app()));
    tokio::spawn(touka::serve(next(), app().into_make_service()));
    tokio::spawn(touka::serve(next(), app().into_make_service_with_connect_info::<SocketAddr>()));
    tokio::spawn(Server::new().serve(next(), app().layer(AxumRoutes::new()).into_make_service()));
    for address in addresses {
        let (from, status, told) = text(address, "/who").await;
        assert_eq!((status, told), (200, from.to_string()));
        let (from, _, told) = text(address, "/ours/7").await;
        assert_eq!(told, format!("Some({from}) /ours/{{a}} /ours/{{a}}"));
        let mut visitor = Visitor::connect(address, Version::HTTP_2).await;
        assert!(visitor.get("/who", &[]).await.text().await.starts_with("127.0.0.1:"));
        assert_eq!(visitor.stream("/rooms/red").await.data().await, "red");
    }
}

#[tokio::test]
async fn toukas_router_knows_client_addresses_and_routes() {
    let router: Router = Router::new().nest("/api", routes![in_touka]);
    let server = Running::serve(router.fallback_service(app())).await;
    let (from, status, told) = text(server.address, "/api/ours").await;
    assert_eq!((status, told), (200, format!("{from} /api/ours")));
    let (from, _, told) = text(server.address, "/ours/7").await;
    assert_eq!(told, format!("Some({from}) /ours/{{a}} /ours/{{a}}"));
}

/// axum's server records the peer's address, and touka's extractor reads it from there.
#[tokio::test]
async fn toukas_extractors_work_under_axums_server() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = listener.local_addr().expect("an address");
    let app = app().into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let (from, _, told) = text(address, "/ours/7").await;
    assert_eq!(told, format!("Some({from}) /ours/{{a}} /ours/{{a}}"));
}

/// Behind a proxy, one connection carries the requests of many clients.
#[tokio::test]
async fn every_extractor_returns_the_client_a_trusted_proxy_names() {
    let trusting = || Server::new().trust_proxies(["127.0.0.1"]).expect("an address");
    let mut addresses = Vec::new();
    for made in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        addresses.push(listener.local_addr().expect("an address"));
        if made {
            let app = app().into_make_service_with_connect_info::<SocketAddr>();
            tokio::spawn(trusting().serve(listener, app));
        } else {
            tokio::spawn(trusting().serve(listener, app()));
        }
    }
    for address in addresses {
        let mut proxy = Client::connect(address).await;
        for client in ["203.0.113.1", "203.0.113.2", "203.0.113.1"] {
            let ask = |path| format!("GET {path} HTTP/1.1\r\nhost: test\r\nx-forwarded-for: {client}\r\n\r\n");
            proxy.send(ask("/who")).await;
            assert_eq!(proxy.response().await.1, format!("{client}:0"));
            proxy.send(ask("/ours/7")).await;
            assert_eq!(proxy.response().await.1, format!("Some({client}:0) /ours/{{a}} /ours/{{a}}"));
        }
    }
}

#[tokio::test]
async fn a_unix_socket_client_has_no_address() {
    let folder = Folder::new();
    for (number, (who, status)) in [("no address", 500), ("0.0.0.0:0", 200)].into_iter().enumerate() {
        let path = folder.path(&format!("{number}.sock"));
        let listener = tokio::net::UnixListener::bind(&path).expect("bind");
        if number == 0 {
            tokio::spawn(touka::serve(listener, app()));
        } else {
            tokio::spawn(touka::serve(listener, app().into_make_service_with_connect_info::<SocketAddr>()));
        }
        let socket = UnixStream::connect(&path).await.expect("connect");
        let mut visitor = Visitor::over(socket, Version::HTTP_11).await;
        let answer = visitor.get("/who", &[]).await;
        assert_eq!(answer.status, status);
        let text = answer.text().await;
        assert!(status == 500 || text == who, "{text}");
        assert_eq!(visitor.get("/ours/7", &[]).await.text().await, "None /ours/{a} /ours/{a}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handle_lists_the_routes_of_axum() {
    let server = Server::new();
    let handle = server.handle();
    let server = Running::serve_with(server, app()).await;
    let mut red = Client::stream(server.address, "/rooms/red").await;
    assert_eq!(red.data().await, "red");
    let mut visitor = Visitor::connect(server.address, Version::HTTP_2).await;
    let mut other = visitor.stream("/foreign").await;
    assert_eq!(other.data().await, "foreign");
    let streams = handle.streams();
    let shown: Vec<_> = streams.iter().map(|stream| (stream.route(), stream.path())).collect();
    assert_eq!(shown, [(Some("/rooms/{room}"), "/rooms/red"), (Some("/foreign"), "/foreign")]);
}

/// The names of the recorded metrics. Runs on this thread only, where the recorder is installed. `serve`
/// stands for the line that changes.
fn recorded_metrics<F: Future<Output = ()> + Send + 'static>(serve: impl FnOnce(TcpListener) -> F) -> Vec<String> {
    Figures::recorded(|mut figures| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
            let address = listener.local_addr().expect("an address");
            tokio::spawn(serve(listener));
            for (path, data) in [("/rooms/red", "red"), ("/foreign", "foreign")] {
                let mut stream = Client::stream(address, path).await;
                assert_eq!(stream.data().await, data);
            }
            let mut client = Client::connect(address).await;
            client.send("POST /plain/7 HTTP/1.1\r\nhost: test\r\n\r\n").await;
            assert_eq!(client.response().await.1, "posted");
            assert_eq!(text(address, "/nowhere").await.1, 404);
        });
        let all = figures.all().iter().filter(|(_, value)| **value > 0.0);
        all.map(|(name, _)| name.clone()).collect()
    })
}

fn assert_routes(figures: &[String]) {
    for figure in [
        "touka_request_seconds method=GET route=/rooms/{room} status=200",
        "touka_request_seconds method=GET route=/foreign status=200",
        "touka_request_seconds method=POST route=/plain/{id} status=200",
        "touka_request_seconds method=GET route= status=404",
        "touka_streams_opened_total route=/rooms/{room}",
        "touka_streams_opened_total route=/foreign",
        "touka_first_event_seconds route=/rooms/{room}",
        "touka_bytes_total route=/foreign",
    ] {
        assert!(figures.iter().any(|known| known == figure), "no {figure} in {figures:#?}");
    }
    assert!(!figures.iter().any(|known| known.contains("red")), "a client chose a label: {figures:?}");
}

#[test]
fn metrics_have_axums_routes() {
    assert_routes(&recorded_metrics(|listener| async { drop(touka::serve(listener, app()).await) }));
    assert_routes(&recorded_metrics(|listener| async {
        drop(touka::serve(listener, app().into_make_service()).await);
    }));
    let router: Router = Router::new().fallback_service(app());
    assert_routes(&recorded_metrics(|listener| async { drop(touka::serve(listener, router).await) }));
}

#[test]
fn a_layer_adds_routes_the_server_cannot_see() {
    let app = || app().into_make_service_with_connect_info::<SocketAddr>();
    let figures = recorded_metrics(move |listener| async move { drop(touka::serve(listener, app()).await) });
    assert!(figures.contains(&"touka_request_seconds method=GET route= status=200".to_owned()), "{figures:#?}");
    let app = self::app().layer(AxumRoutes::new()).into_make_service_with_connect_info::<SocketAddr>();
    assert_routes(&recorded_metrics(|listener| async { drop(touka::serve(listener, app).await) }));
}
