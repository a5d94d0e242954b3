//! Bad input gets a clear response and affects no other client.

use std::time::Duration;

use support::{Client, Count, Running, within};
use touka::extract::State;
use touka::{EventStream, Router, route, routes, sse_handler};

#[route(GET, "/")]
async fn index() -> &'static str {
    "fine"
}

/// Sends raw bytes on a new connection, and returns the status and the text up to the server's close.
async fn raw(server: &Running, request: &[u8]) -> (u16, String) {
    let mut client = Client::connect(server.address).await;
    client.send(request).await;
    let head = client.head().await;
    let rest = client.rest().await.expect("closed without a reset");
    (head.status(), String::from_utf8_lossy(&rest).into_owned())
}

#[tokio::test]
async fn a_malformed_request_is_refused_with_a_line_that_says_why() {
    let server = Running::serve(Router::new().mount(routes![index])).await;
    let close = "connection: close\r\n\r\n";
    let long_header = format!("GET / HTTP/1.1\r\nhost: t\r\nx: {}\r\n\r\n", "x".repeat(300_000));
    let long_target = format!("GET /{} HTTP/1.1\r\nhost: t\r\n\r\n", "x".repeat(300_000));
    let many_headers = format!("GET / HTTP/1.1\r\nhost: t\r\n{}\r\n", "a: b\r\n".repeat(200));
    let table = [
        ("GE(T / HTTP/1.1\r\nhost: t\r\n\r\n".to_owned(), 400, "method"),
        ("GET / HTTP/1.1\r\nho st: t\r\n\r\n".to_owned(), 400, "header"),
        ("GET / HTTP/1.1\r\nhost: t\r\nx: a\0b\r\n\r\n".to_owned(), 400, "header"),
        ("GET / HTTP/9.9\r\nhost: t\r\n\r\n".to_owned(), 400, "version"),
        ("GET /a b HTTP/1.1\r\nhost: t\r\n\r\n".to_owned(), 400, "version"),
        ("\u{16}\u{3}\u{1} this is a TLS hello".to_owned(), 400, "method"),
        ("GET / HTTP/1.1\r\nhost: t\r\ncontent-length: x\r\n\r\n".to_owned(), 400, "content-length"),
        (long_header, 431, "too large"),
        (long_target, 431, "too large"),
        (many_headers, 431, "too large"),
        (format!("GET / HTTP/1.1\r\n{close}"), 400, "the request has no Host header"),
        (format!("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n{close}"), 400, "more than one Host header"),
        (format!("GET / HTTP/1.1\r\nhost: t\r\n{close}"), 200, "fine"),
    ];
    for (request, status, part) in table {
        let shown: String = request.chars().take(60).collect();
        let (got, text) = raw(&server, request.as_bytes()).await;
        assert_eq!(got, status, "{shown:?} got {text:?}");
        assert!(text.contains(part), "{shown:?} got {text:?}");
        assert!(text.lines().count() == 1 && text.len() < 200, "one line: {text:?}");
    }
}

#[tokio::test]
async fn bad_peers_do_not_disturb_a_stream() {
    #[sse_handler]
    #[route(GET, "/ticks")]
    async fn ticks(State(allowed): State<std::sync::Arc<tokio::sync::Semaphore>>) {
        loop {
            allowed.acquire().await.expect("open").forget();
            emit!("tick");
        }
    }
    let allowed = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let router = Router::new().mount(routes![ticks]).with_state(allowed.clone());
    let server = Running::serve(router).await;
    let mut healthy = Client::stream(server.address, "/ticks").await;
    for turn in 0u8..50 {
        let noise: Vec<u8> = (0..200u8).map(|byte| byte.wrapping_mul(31).wrapping_add(turn)).collect();
        let mut bad = Client::connect(server.address).await;
        bad.send(&noise).await;
        if turn % 2 == 0 {
            bad.reset();
        }
        allowed.add_permits(1);
        assert_eq!(healthy.data().await, "tick");
    }
}

#[sse_handler]
#[route(GET, "/panics/{when}")]
async fn panics(when: String, State(held): State<Count>) {
    let _held = held.hold();
    if when == "later" {
        emit!("one");
    }
    assert!(when == "never", "this body panics on purpose");
    std::future::pending::<()>().await;
}

#[sse_handler]
#[route(GET, "/panics-before-it-opens")]
async fn panics_early(State(held): State<Count>) -> Result<EventStream, http::StatusCode> {
    let _held = held.hold();
    assert_eq!(1, 2, "this body panics on purpose");
}

#[route(GET, "/panics-plainly")]
async fn panics_plainly() -> &'static str {
    panic!("this handler panics on purpose")
}

#[sse_handler]
#[route(GET, "/fails")]
async fn fails() -> Result<EventStream, http::StatusCode> {
    emit!("one");
    Err(http::StatusCode::CONFLICT)
}

/// Panics, failures and silence affect only the handler's own stream.
#[tokio::test]
async fn a_bad_handler_affects_only_its_own_stream() {
    let held = Count::default();
    let router =
        Router::new().mount(routes![panics, panics_early, panics_plainly, fails, index]).with_state(held.clone());
    let server = Running::serve(router).await;
    let _never_emits = Client::stream(server.address, "/panics/never").await;

    const INTERNAL: &str = r#"{"status":500,"title":"Internal Server Error"}"#;
    for (path, before, data) in [
        ("/panics/at-once", None, INTERNAL),
        ("/panics/later", Some("one"), INTERNAL),
        ("/fails", Some("one"), r#"{"status":409,"title":"Conflict"}"#),
    ] {
        let mut client = Client::stream(server.address, path).await;
        if let Some(before) = before {
            assert_eq!(client.data().await, before);
        }
        let error = client.next().await.unwrap().unwrap();
        assert_eq!((error.name.as_str(), error.data.as_str()), ("error", data), "{path}");
        assert_eq!(client.next().await.unwrap(), None, "{path}: a clean end");
        // The connection itself is still usable for another request.
        client.send("GET / HTTP/1.1\r\nhost: test\r\n\r\n").await;
        assert_eq!(client.response().await.1, "fine");
    }
    for path in ["/panics-before-it-opens", "/panics-plainly"] {
        let (head, text) = Client::get(server.address, path).await.response().await;
        assert_eq!((head.status(), text.as_str()), (500, "the handler of this path failed\n"), "{path}");
    }
    support::until(Duration::from_secs(10), "only the body that never emits is left", || held.get() == 1).await;
}

/// A client that sends its head one byte at a time delays no other client.
#[tokio::test]
async fn a_slow_head_delays_no_other_client() {
    let server = Running::serve(Router::new().mount(routes![index])).await;
    let mut slow = Client::connect(server.address).await;
    for byte in b"GET / HTTP/1.1\r\nhost: t\r\n" {
        slow.send([*byte]).await;
        let quick = async { Client::get(server.address, "/").await.response().await };
        assert_eq!(within(Duration::from_secs(30), "another client", quick).await.1, "fine");
    }
    slow.send("\r\n").await;
    assert_eq!(slow.response().await.1, "fine");
}
