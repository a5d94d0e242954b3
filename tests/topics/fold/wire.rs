//! The bytes of folded events over a socket.

use support::{Client, Running};
use touka::{Hub, Server};

use super::{Turn, delta, publish, router, topic};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn folded_events_and_single_ones_over_a_socket() {
    let hub = Hub::memory();
    let topic = topic(&hub);
    let lines = ["one\r", "\ntwo", ""].map(|text| Turn::Line(text.into()));
    let ids = publish(&topic, [delta("Once"), delta(" upon\n"), delta("\"a\" 😀")].into_iter().chain(lines)).await;
    let server = Server::new();
    let handle = server.handle();
    let running = Running::serve_with(server, router(&hub)).await;
    let mut client = Client::connect(running.address).await;
    client.send("GET /after/5 HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(client.head().await.status(), 200);
    let start = ids[0].replace(".1.", ".0.");
    let start = start.rsplit_once('.').unwrap().0;
    assert_eq!(
        until(&mut client, "data: two\n\n").await,
        format!(
            "id: {start}.000000\n\nid: {}\nevent: delta\ndata: {{\"text\":\"Once upon\\n\\\"a\\\" 😀\"}}\n\n\
             id: {}\nevent: line\ndata: one\ndata: \ndata: two\n\n",
            ids[2], ids[5]
        )
    );
    let next = publish(&topic, [delta("!")]).await;
    assert_eq!(
        until(&mut client, "}\n\n").await,
        format!("id: {}\nevent: delta\ndata: {{\"text\":\"!\"}}\n\n", next[0])
    );
    // It may fall behind later, so it is not parked.
    assert!(!handle.streams().last().expect("a stream").is_parked());
}

/// Reads up to these bytes, without keep-alives.
async fn until(client: &mut Client, end: &str) -> String {
    let mut bytes = String::new();
    while !bytes.ends_with(end) {
        let chunk = client.chunk().await.expect("a connection").expect("the stream goes on");
        if chunk != b":\n" {
            bytes += std::str::from_utf8(&chunk).expect("text");
        }
    }
    bytes
}
