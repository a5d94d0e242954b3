//! A callback runs again, so it cannot give its parameters away.

use touka::{EventWriter, sse_handler};

#[sse_handler(callback)]
async fn poll(text: String, out: &mut EventWriter) -> bool {
    out.write(text).await;
    true
}

fn main() {}
