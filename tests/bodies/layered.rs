//! Layers between an event stream and its connection: no event waits in a layer for later work of the body,
//! and the stream ends with its server, whatever a layer has made of its body.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use axum::routing::get;
use axum_core::body::Body;
use axum_core::response::IntoResponse;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody};
use support::{Apart, Client, Running, within};
use tokio::time::sleep;
use touka::server::Handle;
use touka::{Event, EventStream, Router, Server, route, routes, sse_handler};
use tower_http::map_response_body::MapResponseBodyLayer;
use tower_layer::Layer;
use tower_service::Service;

const PATIENCE: Duration = Duration::from_mins(1);

/// How long a body waits for a confirmation before it panics.
const CONFIRMATION: Duration = Duration::from_secs(20);

/// Emits events, and blocks its thread after each until its client has confirmed it.
fn waits_for(confirmed: Arc<Mutex<mpsc::Receiver<()>>>) -> EventStream {
    EventStream::generate(move |out| async move {
        for number in 0..6 {
            out.emit(number.to_string()).await;
            let confirmed = confirmed.lock().expect("one body").recv_timeout(CONFIRMATION);
            confirmed.expect("the client has not received what was emitted before this step");
        }
    })
}

/// Reads the body in a task of its own.
fn in_a_task(mut body: Body) -> Body {
    let (give, take) = tokio::sync::mpsc::channel(4);
    tokio::spawn(async move {
        while let Some(frame) = body.frame().await {
            if give.send(frame).await.is_err() {
                return;
            }
        }
    });
    Body::new(StreamBody::new(stream::unfold(take, |mut take| async move { Some((take.recv().await?, take)) })))
}

/// Reads all ready frames before it yields the first of them.
fn ready_together(body: Body) -> Body {
    Body::from_stream(body.into_data_stream().ready_chunks(8).flat_map(stream::iter))
}

#[tokio::test]
async fn an_event_does_not_wait_in_a_layer_for_later_work() {
    for (threads, layer) in
        [(1, in_a_task as fn(Body) -> Body), (2, in_a_task), (1, ready_together), (2, ready_together)]
    {
        let (confirm, confirmed) = mpsc::channel();
        let confirmed = Arc::new(Mutex::new(confirmed));
        let handler = get(move || async move { waits_for(confirmed).into_response().map(layer) });
        let server = Apart::serve(threads, Server::new(), axum::Router::new().route("/", handler));
        let mut client = Client::stream(server.address, "/").await;
        for number in 0..6 {
            assert_eq!(client.data().await, number.to_string());
            confirm.send(()).expect("the body waits");
        }
        assert_eq!(client.next().await.expect("the body has not panicked"), None);
    }
}

#[sse_handler]
#[route(GET, "/")]
async fn endless() {
    emit!("here");
    std::future::pending::<()>().await;
}

fn router() -> Router {
    Router::new().mount(routes![endless])
}

#[tokio::test]
async fn a_stream_is_listed_once_under_several_layers_of_a_handle() {
    let (one, other) = (Handle::new(), Handle::new());
    let mut service = one.layer().layer(other.layer().layer(one.layer().layer(router())));
    let request = http::Request::get("/").body(Body::empty()).expect("a request");
    let mut body = service.call(request).await.expect("an answer").into_body();
    assert_eq!((one.count(), other.count()), (1, 1));
    within(PATIENCE, "an event", body.frame()).await.expect("an event").expect("an event");
    assert_eq!(other.close(|_| true), 1);
    let text = within(PATIENCE, "the end", body.collect()).await.expect("a clean end").to_bytes();
    assert!(text.starts_with(b"retry: "), "{text:?}");
    assert_eq!((one.count(), other.count()), (0, 0));
}

/// Serves a stream behind the layer of the server's own handle and another layer around it. The server's
/// shutdown timeout is far longer than the test's patience.
async fn ends_with_its_server(around: fn(Body) -> Body) {
    let server = Server::new().shutdown_timeout(PATIENCE * 10);
    let app = axum::Router::new().fallback_service(router()).layer(server.handle().layer());
    let mut server = Running::serve_with(server, app.layer(MapResponseBodyLayer::new(around))).await;
    let mut client = Client::stream(server.address, "/").await;
    assert_eq!(client.data().await, "here");
    server.stop();
    server.stopped(PATIENCE).await;
    let rest = within(PATIENCE, "the end of the connection", client.rest()).await.expect("a clean end");
    let rest = String::from_utf8_lossy(&rest);
    assert!(rest.contains("retry: ") && rest.ends_with("0\r\n\r\n"), "{rest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_with_its_server_though_a_layer_goes_on() {
    ends_with_its_server(|body| {
        let more = stream::pending();
        Body::from_stream(stream::select(body.into_data_stream(), more))
    })
    .await;
    ends_with_its_server(|body| Body::from_stream(in_a_task(body).into_data_stream().chain(stream::pending()))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_with_its_server_though_a_layer_adds_more() {
    ends_with_its_server(|body| {
        let more = stream::unfold((), |()| async {
            sleep(Duration::from_millis(50)).await;
            Some((Ok(Bytes::from_static(b": more\n")), ()))
        });
        Body::from_stream(stream::select(body.into_data_stream(), more.boxed()))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_with_its_server_though_a_layer_has_replaced_it() {
    ends_with_its_server(|body| {
        drop(body);
        let here = Ok::<_, Infallible>(Bytes::from_static(b"data: here\n\n"));
        Body::from_stream(stream::iter([here]).chain(stream::pending()))
    })
    .await;
}

/// A handle's layer spreads the ends of many streams over up to five seconds. The server's own limits come
/// first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_behind_a_layer_end_in_the_time_of_their_server() {
    let server = Server::new().drain_window(Duration::ZERO).shutdown_timeout(Duration::from_secs(3));
    let layer = server.handle().layer();
    // Enough open streams that the layer alone would take five seconds.
    let mut service = layer.layer(router());
    let mut others = Vec::new();
    for _ in 0..1000 {
        let request = http::Request::get("/").body(Body::empty()).expect("a request");
        others.push(service.call(request).await.expect("an answer"));
    }
    let app = axum::Router::new().fallback_service(router()).layer(layer);
    let mut server = Running::serve_with(server, app).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = Client::stream(server.address, "/").await;
        assert_eq!(client.data().await, "here");
        clients.push(client);
    }
    server.stop();
    for mut client in clients {
        assert_eq!(client.next().await.expect("a clean end"), None);
        assert!(client.parser().retry().is_some());
    }
    server.stopped(PATIENCE).await;
    drop(others);
}

/// A body emits as fast as it can, so its frames may queue up. A layer fails after a number of them.
#[tokio::test]
async fn a_client_gets_every_frame_before_a_failure() {
    static LONG: &str = match str::from_utf8(&[b'x'; 3000]) {
        Ok(text) => text,
        Err(_) => "",
    };
    // The first frames of a body have one event each, and are written one by one.
    for frames in (1..60).step_by(3).chain(41..44) {
        let given = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&given);
        let fails = move |body: Body| {
            let count = Arc::clone(&count);
            let given = body.into_data_stream().take(frames).inspect(move |data| {
                count.fetch_add(data.as_ref().map_or(0, Bytes::len), Ordering::Relaxed);
            });
            Body::from_stream(given.chain(stream::iter([Err(axum_core::Error::new("the layer fails"))])))
        };
        let quick = get(|| async {
            EventStream::<Event>::generate(|out| async move {
                loop {
                    // A frame holds only a few of these.
                    out.emit(LONG).await;
                }
            })
        });
        let app = axum::Router::new().route("/", quick).layer(MapResponseBodyLayer::new(fails));
        let server = Running::serve(app).await;
        let mut client = Client::stream(server.address, "/").await;
        let mut got = 0;
        while let Ok(Some(_)) = client.next().await {
            got += "data: \n\n".len() + LONG.len();
        }
        assert_eq!(got, given.load(Ordering::Relaxed), "after {frames} frames");
        assert!(got > frames * LONG.len());
    }
}
