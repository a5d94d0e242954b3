//! An option is given at most once.

use touka::sse_handler;

#[sse_handler(retry = "3s", retry = "5s", keep_alive = off, keep_alive = "1s")]
async fn clock() {
    emit!("tick");
}

fn main() {}
