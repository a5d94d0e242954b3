//! Log entries of a stream: a span around everything its body logs, and its opening and end.

use std::time::Duration;

use support::{Client, Log, Running, until};
use tokio::runtime::Builder;
use touka::extract::State;
use touka::server::Park;
use touka::topic::HubError;
use touka::{EventStream, Hub, Router, Server, route, routes, sse_handler};

const PATIENCE: Duration = Duration::from_mins(1);

#[sse_handler]
#[route(GET, "/rooms/{room}")]
async fn room(room: String) {
    tracing::info!("in the body of {room}");
    emit!(room);
    std::future::pending::<()>().await;
}

#[sse_handler]
#[route(GET, "/ends")]
async fn ends() {
    emit!("one");
    emit!("two");
}

#[sse_handler]
#[route(GET, "/panics")]
async fn panics() {
    emit!("here");
    panic!("this body panics on purpose");
}

#[route(GET, "/topics/{name}")]
async fn topic(State(hub): State<Hub>, name: String) -> Result<EventStream, HubError> {
    let stream: EventStream = hub.topic(name)?.subscribe(None).await?;
    Ok(stream.on_close(|_| tracing::info!("on_close")))
}

/// Runs on this thread only, where the log is installed.
fn logged<F: Future<Output = ()>>(server: Server, run: impl FnOnce(std::net::SocketAddr) -> F) {
    Log::install("spans");
    Log::start();
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let router = Router::new().mount(routes![room, ends, panics, topic]).with_state(Hub::memory());
        let server = Running::serve_with(server, router).await;
        run(server.address).await;
    });
}

/// A body's log lines are inside its stream's span, and a disconnect is logged at `DEBUG` only.
#[test]
fn a_body_logs_inside_its_streams_span() {
    logged(Server::new().max_connections(100), |address| async move {
        let mut client = Client::stream(address, "/rooms/blue").await;
        assert_eq!(client.data().await, "blue");
        let span =
            format!("[stream route=\"/rooms/{{room}}\" peer={}]", client.socket.local_addr().expect("an address"));
        let said = Log::line("in the body of blue").expect("the body's log line");
        assert_eq!(said, format!("INFO {span} message=in the body of blue"));
        let opened = Log::line("stream opened").expect("the opening");
        assert!(opened.starts_with(&format!("DEBUG {span}")), "{opened}");
        drop(client);
        until(PATIENCE, "the end", || Log::line("stream closed").is_some()).await;
        let closed = Log::line("stream closed").expect("the end");
        assert!(closed.starts_with(&format!("DEBUG {span} message=stream closed reason=Disconnected")), "{closed}");
        assert!(closed.contains(" events=1 bytes=12 duration="), "{closed}");
        let quiet = |line: &String| line.starts_with("DEBUG") || line.starts_with("TRACE");
        let loud: Vec<_> = Log::lines().into_iter().filter(|line| !quiet(line)).collect();
        assert_eq!(loud, [said]);
    });
}

#[test]
fn a_parked_subscription_logs_the_same_lines_as_a_body() {
    for park in [Park::Auto, Park::Never] {
        let server = Server::new().max_connections(100).park(park);
        let handle = server.handle();
        logged(server, |address| async move {
            let client = Client::stream(address, "/topics/a").await;
            assert_eq!(handle.streams()[0].is_parked(), park == Park::Auto);
            let peer = client.socket.local_addr().expect("an address");
            drop(client);
            until(PATIENCE, "the end", || Log::line("on_close").is_some()).await;
            let span = format!("[stream route=\"/topics/{{name}}\" peer={peer}]");
            let opened = Log::line("stream opened").expect("the opening");
            let closed = Log::line("stream closed").expect("the end");
            assert_eq!(opened, format!("DEBUG {span} message=stream opened route=\"/topics/{{name}}\""));
            assert!(closed.starts_with(&format!("DEBUG {span} message=stream closed reason=Disconnected")), "{closed}");
            assert!(closed.contains(" events=0 bytes=25 duration="), "{closed}");
            assert_eq!(Log::line("on_close"), Some(format!("INFO {span} message=on_close")));
        });
    }
}

/// Behind a trusted proxy the span has the client's address.
#[test]
fn log_lines_name_the_client_behind_a_trusted_proxy() {
    for park in [Park::Auto, Park::Never] {
        let server = Server::new().max_connections(100).park(park).trust_proxies(["127.0.0.1"]).expect("an address");
        logged(server, |address| async move {
            let mut client = Client::connect(address).await;
            client.send("GET /topics/a HTTP/1.1\r\nhost: test\r\nx-forwarded-for: 203.0.113.7\r\n\r\n").await;
            assert_eq!(client.head().await.status(), 200);
            drop(client);
            until(PATIENCE, "the end", || Log::line("on_close").is_some()).await;
            for line in ["stream opened", "stream closed", "on_close"] {
                let line = Log::line(line).expect("a line");
                assert!(line.contains(" [stream route=\"/topics/{name}\" peer=203.0.113.7:0]"), "{line}");
            }
        });
    }
}

#[test]
fn an_end_has_its_reason_and_a_panic_is_an_error() {
    logged(Server::new().max_connections(100), |address| async move {
        for (path, reason) in [("/ends", "Completed"), ("/panics", "Panicked")] {
            let mut client = Client::stream(address, path).await;
            while client.next().await.expect("a clean end").is_some() {}
            let part = format!("route=\"{path}\" events=");
            until(PATIENCE, "the end", || Log::line(&part).is_some()).await;
            let closed = Log::line(&part).expect("the end");
            assert!(closed.contains(&format!("stream closed reason={reason} ")), "{closed}");
        }
        let line = Log::line("on purpose").expect("the panic");
        assert!(line.starts_with("ERROR [stream route=\"/panics\" peer="), "{line}");
        assert!(Log::line("route=\"/ends\" events=2 bytes=22 ").is_some());
    });
}

#[test]
fn a_server_with_too_few_descriptors_logs_what_to_do() {
    // More than any system allows.
    logged(Server::new().max_connections(1 << 40), |_| async move {
        let part = "may open fewer files than `max_connections` needs";
        until(PATIENCE, "a warning", || Log::line(part).is_some()).await;
        let line = Log::line(part).expect("a warning");
        assert!(line.starts_with("WARN "), "{line}");
        for part in ["LimitNOFILE=", "ulimit -Hn", "Server::max_connections", "allowed=", "connections=1099511627776"] {
            assert!(line.contains(part), "{line}");
        }
    });
    logged(Server::new().max_connections(100), |_| async move {
        until(PATIENCE, "the server starts", || Log::line("file descriptors allowed=").is_some()).await;
        assert_eq!(Log::line("may open fewer files"), None);
    });
}
