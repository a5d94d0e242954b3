//! Each option says what it takes.

use touka::{route, sse_handler};

#[sse_handler(
    detached,
    on_disconnect = "cancel",
    stop_grace = 5,
    max_run = "0s",
    max_bytes = "16MB",
    keep_for = "1 hour",
    owner = user,
    last_event = |_| None
)]
#[route(POST, "/a")]
async fn a() {
    emit!("x");
}

#[sse_handler(detached = format!("x"), on_disconnect = cancle, max_bytes = 0)]
#[route(POST, "/b")]
async fn b() {
    emit!("x");
}

#[sse_handler(detached = "c", on_disconnect = cancel_after, stop_grace = "5", keep_for = "0s")]
#[route(POST, "/c")]
async fn c() {
    emit!("x");
}

#[sse_handler(detached = "d", on_disconnect = cancel("5s"))]
#[route(POST, "/d")]
async fn d() {
    emit!("x");
}

#[sse_handler(detached = "e", on_disconnect = cancel_after("5 s"))]
#[route(POST, "/e")]
async fn e() {
    emit!("x");
}

#[sse_handler(detached = "f", on_disconnect = when_i_say_so)]
#[route(POST, "/f")]
async fn f() {
    emit!("x");
}

fn main() {}
