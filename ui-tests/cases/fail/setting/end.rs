//! The name of the end is also an id, which comes back in a header.

use touka::sse_handler;

#[sse_handler(end = "")]
async fn empty() {
    emit!("x");
}

#[sse_handler(end = "all\ndone")]
async fn lines() {
    emit!("x");
}

#[sse_handler(end = " done")]
async fn space() {
    emit!("x");
}

#[sse_handler(end)]
async fn none() {
    emit!("x");
}

fn main() {}
