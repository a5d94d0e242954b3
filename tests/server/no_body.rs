//! Responses that have no body: those to HEAD, and those with a status that allows none, over both protocols.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};
use std::time::Duration;

use axum_core::extract::Request;
use http::{StatusCode, Version};
use support::{Running, Visitor};
use touka::response::{IntoResponse, Response};
use touka::{EventStream, Router, route, routes};

#[route(GET, "/text")]
async fn text() -> &'static str {
    "text"
}

#[route(POST, "/post")]
async fn post() {}

#[route(GET, "/stream")]
async fn stream() -> EventStream {
    EventStream::once("here")
}

/// Answers every request with the status that its path names, and with a stream that stays open.
#[derive(Clone)]
struct Careless;

impl tower_service::Service<Request> for Careless {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let status = request.uri().path().trim_start_matches('/').parse::<StatusCode>().expect("a status");
        let stream: EventStream = EventStream::generate(|out| async move {
            for tick in 0u32.. {
                out.emit(tick.to_string()).await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        ready(Ok((status, stream).into_response()))
    }
}

#[tokio::test]
async fn the_response_to_head_has_no_body() {
    let router = Running::serve(Router::new().mount(routes![text, post, stream])).await;
    let careless = Running::serve(Careless).await;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let mut visitor = Visitor::connect(router.address, version).await;
        for (path, status) in [("/text", 200), ("/post", 405), ("/nowhere", 404)] {
            let mut answer = visitor.head(path).await;
            assert_eq!(answer.status.as_u16(), status, "{version:?} {path}");
            assert!(answer.header("content-length").is_some_and(|length| length != "0"), "{version:?} {path}");
            assert_eq!(answer.bytes().await.expect("a clean end"), None, "{version:?} {path}");
        }
        // The length of a stream is not known, whether the router or the server drops its body.
        let mut answer = visitor.head("/stream").await;
        assert_eq!(answer.header("content-type"), Some("text/event-stream"), "{version:?}");
        assert_eq!(answer.header("content-length"), None, "{version:?}");
        assert_eq!(answer.bytes().await.expect("a clean end"), None, "{version:?}");
        let mut visitor = Visitor::connect(careless.address, version).await;
        let mut answer = visitor.head("/200").await;
        assert_eq!(answer.header("content-length"), None, "{version:?}");
        assert_eq!(answer.bytes().await.expect("a clean end"), None, "{version:?}");
        assert_eq!(visitor.get("/200", &[]).await.data().await, "0", "the connection goes on");
    }
}

#[tokio::test]
async fn a_status_without_a_body_ends_its_response_at_once() {
    let careless = Running::serve(Careless).await;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        for path in ["/204", "/304"] {
            let mut answer = Visitor::connect(careless.address, version).await.get(path, &[]).await;
            assert_eq!(answer.bytes().await.expect("a clean end"), None, "{version:?} {path}");
            assert_eq!(answer.header("content-length"), None, "{version:?} {path}");
        }
    }
}

/// A client that gets such a response closes the connection with all its streams.
#[tokio::test]
async fn an_informational_status_is_a_500_over_http_2() {
    let careless = Running::serve(Careless).await;
    let mut visitor = Visitor::connect(careless.address, Version::HTTP_2).await;
    let mut stream = visitor.stream("/200").await;
    for path in ["/100", "/101", "/103"] {
        assert_eq!(visitor.get(path, &[]).await.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        assert_eq!(visitor.head(path).await.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
    }
    for tick in 0..20 {
        assert_eq!(stream.data().await, tick.to_string());
    }
}
