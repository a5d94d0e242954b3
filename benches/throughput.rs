//! Events per second through one generator handler: four clients, 64 bytes of data, at full speed. touka in
//! its own server and in axum's, against axum's `Sse` over async-stream, each in turn, several times, in one
//! process.

use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use axum::response::sse::{self, KeepAlive, Sse};
use axum::routing::get;
use futures_util::Stream;
use measure::table;
use tokio::net::TcpListener;
use touka::sse_handler;

const CLIENTS: usize = 4;
const TURN: Duration = Duration::from_secs(2);
const TURNS: usize = 5;

/// DESIGN's bar for the ratio to axum.
const BAR: f64 = 5.0;

fn text() -> String {
    "x".repeat(64)
}

#[sse_handler]
async fn touka_events() {
    let text = text();
    loop {
        emit!(text.as_str());
    }
}

#[allow(clippy::unused_async, reason = "an axum handler is an async fn")]
async fn axum_events() -> Sse<impl Stream<Item = Result<sse::Event, Infallible>>> {
    let stream = async_stream::stream! {
        let text = text();
        loop {
            yield Ok(sse::Event::default().data(&text));
        }
    };
    Sse::new(stream).keep_alive(KeepAlive::default())
}

/// Counts whole events. Chunk headers are between them, so each is found by its blank line.
fn count(address: SocketAddr, path: &str, end: Instant) -> usize {
    let mut socket = TcpStream::connect(address).expect("connect");
    write!(socket, "GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n").expect("send");
    let (mut buffer, mut bytes) = (vec![0; 256 * 1024], 0);
    while Instant::now() < end {
        bytes += socket.read(&mut buffer).expect("read");
    }
    // Both send the same event; axum's chunks add at most six bytes to each of them, which counts in axum's
    // favor here.
    bytes / "data: \n\n".len().saturating_add(64)
}

fn events_per_second(address: SocketAddr, path: &'static str) -> f64 {
    let end = Instant::now() + TURN;
    let clients: Vec<_> = (0..CLIENTS).map(|_| thread::spawn(move || count(address, path, end))).collect();
    let events: usize = clients.into_iter().map(|client| client.join().expect("no panic")).sum();
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let rate = events as f64 / TURN.as_secs_f64();
    rate
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_unstable_by(f64::total_cmp);
    rates[rates.len() / 2]
}

#[tokio::main]
async fn main() {
    let app = axum::Router::new().route("/touka", get(touka_events)).route("/axum", get(axum_events));
    let [in_axum, in_touka] = [bind().await, bind().await];
    let addresses = [&in_axum, &in_touka].map(|listener| listener.local_addr().expect("an address"));
    let under_axum = app.clone();
    tokio::spawn(async move { axum::serve(in_axum, under_axum).await });
    tokio::spawn(touka::serve(in_touka, app));

    let contenders = [
        ("axum `Sse`, axum's server", 0, "/axum"),
        ("touka, axum's server", 0, "/touka"),
        ("touka, its own server", 1, "/touka"),
    ];
    let mut rates = vec![Vec::new(); contenders.len()];
    let turns = tokio::task::spawn_blocking(move || {
        for _ in 0..TURNS {
            for (rates, (_, server, path)) in rates.iter_mut().zip(contenders) {
                rates.push(events_per_second(addresses[server], path));
            }
        }
        rates
    });
    let rates: Vec<f64> = turns.await.expect("no panic").into_iter().map(median).collect();
    let rows: Vec<Vec<String>> = contenders
        .iter()
        .zip(&rates)
        .map(|((name, ..), rate)| vec![(*name).to_owned(), format!("{rate:.0}"), format!("{:.2}", rate / rates[0])])
        .collect();
    table(&["4 clients, 64 B", "events/s", "× axum"], &rows);
    let ratio = rates[2] / rates[0];
    println!("the bar is {BAR} × axum: {}", if ratio >= BAR { "met" } else { "missed" });
}

async fn bind() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("bind")
}
