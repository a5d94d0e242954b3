//! A callback returns whether to call it again.

use touka::{EventStream, EventWriter, sse_handler};

#[sse_handler(callback)]
async fn nothing(out: &mut EventWriter) {
    out.write("x").await;
}

#[sse_handler(callback)]
async fn a_stream(out: &mut EventWriter) -> EventStream {
    out.write("x").await;
}

fn main() {}
