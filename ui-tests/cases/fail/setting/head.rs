//! The head takes what may stand before a response in a tuple.

use touka::{EventStream, sse_handler};

#[sse_handler(head = "x-trace: 7")]
async fn text() {
    emit!("x");
}

#[sse_handler(head)]
async fn none() {
    emit!("x");
}

#[sse_handler(head = [("x-trace", trace)])]
async fn moved(trace: String) -> EventStream {
    emit!(trace);
}

fn main() {}
