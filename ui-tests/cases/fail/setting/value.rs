//! The value of a credential option is an expression.

use touka::sse_handler;

#[sse_handler(close_at = "1h", label)]
async fn length_of_time() {
    emit!("x");
}

#[sse_handler(close_at, close_when = , expired_event = let)]
async fn none() {
    emit!("x");
}

fn main() {}
