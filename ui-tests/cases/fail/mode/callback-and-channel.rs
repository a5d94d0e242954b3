//! A handler has one mode.

use touka::{EventWriter, sse_handler};

#[sse_handler(callback, channel = 4)]
async fn poll(out: &mut EventWriter) -> bool {
    out.write("x").await;
    true
}

fn main() {}
