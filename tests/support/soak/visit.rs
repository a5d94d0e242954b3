//! One client of a soak test: it connects, streams, and disconnects in one of several ways.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;

use super::dice::Dice;
use crate::client::Client;
use crate::wait::within;

/// The receive buffer of a client that shall block the server's writes.
const SMALL_BUFFER: u32 = 8 * 1024;

/// For what is immediate, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// The totals of all clients.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) visits: AtomicU64,
    pub(super) events: AtomicU64,
}

/// One visit, from the connect to the last use of the socket.
pub(super) async fn visit(server: SocketAddr, dice: &mut Dice, tally: &Tally) {
    match dice.below(10) {
        0 => before_the_head(server, dice).await,
        1 => in_the_middle_of_a_request(server, dice).await,
        2 => in_the_middle_of_an_event(server, dice).await,
        3 => half_closed(server, dice, tally).await,
        4 => without_reading(server, dice).await,
        5 => at_the_end(server, dice, tally).await,
        6 => refused(server, dice).await,
        7 => after_an_extra_byte(server, dice, tally).await,
        _ => after_a_few_events(server, dice, tally).await,
    }
    tally.visits.fetch_add(1, Ordering::Relaxed);
}

async fn before_the_head(server: SocketAddr, dice: &mut Dice) {
    let mut client = Client::connect(server).await;
    client.send(request(dice)).await;
    stay(dice, 100).await;
    leave(client, dice);
}

async fn in_the_middle_of_a_request(server: SocketAddr, dice: &mut Dice) {
    let mut client = Client::connect(server).await;
    let request = request(dice);
    // The length may be zero, and is never the whole request.
    let length = usize::try_from(dice.below(request.len() as u64)).expect("below the length");
    client.send(&request[..length]).await;
    stay(dice, 300).await;
    leave(client, dice);
}

/// Disconnects when the server has written a part of an event and waits to write the rest.
async fn in_the_middle_of_an_event(server: SocketAddr, dice: &mut Dice) {
    let mut client = Client::connect_small(server, SMALL_BUFFER).await;
    client.send("GET /flood HTTP/1.1\r\nhost: test\r\n\r\n").await;
    let mut some = [0; 1000];
    for _ in 0..=dice.below(20) {
        let read = within(PATIENCE, "read", client.socket.read(&mut some)).await;
        // On a busy machine this client may be cut off by the server's write timeout.
        if !matches!(read, Ok(1..)) {
            break;
        }
    }
    stay(dice, 300).await;
    leave(client, dice);
}

/// Sends a FIN, and reads until the server has closed.
async fn half_closed(server: SocketAddr, dice: &mut Dice, tally: &Tally) {
    let mut client = streams(server, dice).await;
    reads(&mut client, dice, tally).await;
    client.socket.shutdown().await.expect("send a FIN");
    // How the server closes does not matter, as long as it does.
    let _ = within(PATIENCE, "the end of a half-closed stream", client.rest()).await;
}

/// Some of these clients disconnect by themselves, others are cut off by the server's write timeout.
async fn without_reading(server: SocketAddr, dice: &mut Dice) {
    let mut client = Client::connect_small(server, SMALL_BUFFER).await;
    client.send("GET /flood HTTP/1.1\r\nhost: test\r\n\r\n").await;
    stay(dice, 3000).await;
    client.reset();
}

/// Reads to the end, and may send another request on the same connection.
async fn at_the_end(server: SocketAddr, dice: &mut Dice, tally: &Tally) {
    let mut client = Client::connect(server).await;
    for _ in 0..=dice.below(3) {
        client.send("GET /finite HTTP/1.1\r\nhost: test\r\n\r\n").await;
        assert_eq!(client.head().await.status(), 200);
        while client.next().await.expect("a clean end").is_some() {
            tally.events.fetch_add(1, Ordering::Relaxed);
        }
        stay(dice, 100).await;
    }
    leave(client, dice);
}

/// Gets an error instead of a stream.
async fn refused(server: SocketAddr, dice: &mut Dice) {
    let wait = dice.below(200);
    let mut client = Client::get(server, &format!("/held?wait={wait}&refuse=true")).await;
    assert_eq!(client.response().await.0.status(), 404);
    leave(client, dice);
}

/// With a byte of a next request unread, the server does not see the FIN: only its writes fail.
async fn after_an_extra_byte(server: SocketAddr, dice: &mut Dice, tally: &Tally) {
    let mut client = streams(server, dice).await;
    client.send("G").await;
    reads(&mut client, dice, tally).await;
    leave(client, dice);
}

async fn after_a_few_events(server: SocketAddr, dice: &mut Dice, tally: &Tally) {
    let mut client = streams(server, dice).await;
    reads(&mut client, dice, tally).await;
    leave(client, dice);
}

/// Opens one of the endless streams.
async fn streams(server: SocketAddr, dice: &mut Dice) -> Client {
    let mut client = Client::connect(server).await;
    client.send(request(dice)).await;
    assert_eq!(client.head().await.status(), 200);
    client
}

/// A request for one of the endless streams.
fn request(dice: &mut Dice) -> String {
    let path = match dice.below(6) {
        0 => "/generated".to_owned(),
        1 => format!("/held?wait={}", dice.below(200)),
        2 => "/channel".to_owned(),
        3 => "/callback".to_owned(),
        4 => "/topic".to_owned(),
        _ => {
            let text = "x".repeat(usize::try_from(dice.below(5000)).expect("a small number"));
            let length = text.len();
            return format!("POST /posted HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n\r\n{text}");
        }
    };
    format!("GET {path} HTTP/1.1\r\nhost: test\r\n\r\n")
}

/// Reads a few events, or none.
async fn reads(client: &mut Client, dice: &mut Dice, tally: &Tally) {
    for _ in 0..dice.below(20) {
        client.next().await.expect("an event").expect("the stream ended");
        tally.events.fetch_add(1, Ordering::Relaxed);
    }
}

/// Waits for up to `milliseconds`, so that a disconnect can find the server in any state.
async fn stay(dice: &mut Dice, milliseconds: u64) {
    sleep(Duration::from_millis(dice.below(milliseconds))).await;
}

/// Closes the connection with a FIN, or with a reset. With unread bytes the kernel turns the FIN into a
/// reset, too.
fn leave(client: Client, dice: &mut Dice) {
    if dice.flip() {
        client.reset();
    }
}
