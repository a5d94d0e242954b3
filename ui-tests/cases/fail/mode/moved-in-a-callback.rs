//! A callback is called repeatedly, so it cannot move out of its parameters.

use touka::{EventWriter, sse_handler};

#[sse_handler(callback)]
async fn poll(text: String, out: &mut EventWriter) -> bool {
    out.write(text).await;
    true
}

fn main() {}
