//! Type errors in expressions are reported at the expression.

use std::time::Duration;

use touka::sse_handler;

#[sse_handler(close_at = Duration::from_secs(3600))]
async fn no_moment() {
    emit!("x");
}

#[sse_handler(close_when = ends())]
async fn no_future() {
    emit!("x");
}

fn ends() {}

fn main() {}
