//! The callback mode needs a writer.

use touka::sse_handler;

#[sse_handler(callback)]
async fn poll() -> bool {
    true
}

fn main() {}
