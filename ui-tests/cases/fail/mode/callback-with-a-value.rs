//! `callback` takes no value.

use touka::{EventWriter, sse_handler};

#[sse_handler(callback = true)]
async fn poll(out: &mut EventWriter) -> bool {
    out.write("x").await;
    true
}

fn main() {}
