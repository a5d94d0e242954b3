//! Errors in durations are reported at the literal.

use touka::sse_handler;

#[sse_handler(keep_alive = "15", retry = "3 s", max_lifetime = "2hours", write_timeout = "1.5s")]
async fn clock() {
    emit!("tick");
}

#[sse_handler(retry = 3, keep_alive = on, max_lifetime)]
async fn other() {
    emit!("tick");
}

fn main() {}
