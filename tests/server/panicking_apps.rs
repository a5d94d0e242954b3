//! A service or a body of another library that panics fails its own connection, request or response only.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum_core::body::Body;
use axum_core::extract::Request;
use axum_core::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{StatusCode, Version};
use support::{Client, Running, Visitor};
use tower_service::Service;

const VERSIONS: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];

/// A service that panics on request.
#[derive(Clone)]
struct PanickingService;

impl Service<Request> for PanickingService {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        assert!(request.uri().path() != "/panics", "this service panics on purpose");
        ready(Ok(Response::new(Body::from("here"))))
    }
}

#[tokio::test]
async fn a_service_that_panics_fails_only_its_request() {
    for version in VERSIONS {
        let server = Running::serve(PanickingService).await;
        let mut visitor = Visitor::connect(server.address, version).await;
        assert_eq!(visitor.get("/panics", &[]).await.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(visitor.get("/", &[]).await.text().await, "here");
    }
    let app = axum::Router::new().route("/panics", axum::routing::get(|| async { panic!("on purpose") as () }));
    let server = Running::serve(app).await;
    let mut visitor = Visitor::connect(server.address, Version::HTTP_11).await;
    assert_eq!(visitor.get("/panics", &[]).await.status, StatusCode::INTERNAL_SERVER_ERROR);
}

/// A service whose clone panics while the flag is set.
struct Unclonable(PanickingService, Arc<AtomicBool>);

impl Clone for Unclonable {
    fn clone(&self) -> Self {
        assert!(!self.1.load(Ordering::SeqCst), "this clone panics on purpose");
        Self(self.0.clone(), Arc::clone(&self.1))
    }
}

impl Service<Request> for Unclonable {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        self.0.call(request)
    }
}

#[tokio::test]
async fn a_service_whose_clone_panics_fails_only_its_connection() {
    let panics = Arc::new(AtomicBool::new(false));
    let server = Running::serve(Unclonable(PanickingService, Arc::clone(&panics))).await;
    let mut visitor = Visitor::connect(server.address, Version::HTTP_11).await;
    assert_eq!(visitor.get("/", &[]).await.text().await, "here");
    panics.store(true, Ordering::SeqCst);
    assert_eq!(Client::connect(server.address).await.rest().await.expect("an end"), b"");
    panics.store(false, Ordering::SeqCst);
    for _ in 0..2 {
        assert_eq!(visitor.get("/", &[]).await.text().await, "here");
        visitor = Visitor::connect(server.address, Version::HTTP_11).await;
    }
}

/// A body of another library that panics when it is polled for its second frame, or dropped.
struct PanickingBody {
    asked: bool,
    drops: bool,
}

impl http_body::Body for PanickingBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        if std::mem::replace(&mut self.asked, true) {
            assert!(self.drops, "this body panics on purpose");
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(http_body::Frame::data("data: here\n\n".into()))))
    }
}

impl Drop for PanickingBody {
    fn drop(&mut self) {
        assert!(!self.drops, "this body's drop panics on purpose");
    }
}

/// A body that panics fails its own response only, and that response does not look complete.
#[tokio::test]
async fn a_body_that_panics_fails_only_its_own_response() {
    for content_type in ["text/event-stream", "text/plain"] {
        let body = move |drops| async move {
            ([("content-type", content_type)], Body::new(PanickingBody { asked: false, drops })).into_response()
        };
        let app = axum::Router::new()
            .route("/panics", axum::routing::get(move || body(false)))
            .route("/drops", axum::routing::get(move || body(true)));
        let server = Running::serve(app).await;
        // The end is written before the body is dropped, and the connection goes on.
        let mut client = Client::connect(server.address).await;
        for _ in 0..2 {
            client.send("GET /drops HTTP/1.1\r\nhost: test\r\n\r\n").await;
            assert_eq!(client.head().await.status(), 200);
            assert_eq!(client.chunk().await.expect("a chunk").expect("a frame"), b"data: here\n\n");
            assert_eq!(client.chunk().await.expect("a clean end"), None, "{content_type}");
        }
        client.send("GET /panics HTTP/1.1\r\nhost: test\r\n\r\n").await;
        // hyper may not have flushed even the head, but there is no last chunk.
        let all = client.rest().await.expect("an end");
        assert!(!all.ends_with(b"0\r\n\r\n"), "cut off, and looks complete: {content_type}");
        // Over HTTP/2 the other streams go on.
        let mut visitor = Visitor::connect(server.address, Version::HTTP_2).await;
        for path in ["/panics", "/drops", "/panics", "/drops"] {
            let end = async {
                let mut answer = visitor.try_get(path, &[]).await?;
                while answer.bytes().await?.is_some() {}
                hyper::Result::Ok(())
            }
            .await;
            assert_eq!(end.is_ok(), path == "/drops", "{path}");
        }
    }
}
