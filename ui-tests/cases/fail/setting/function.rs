//! A hook is the path of a function.

use touka::sse_handler;

#[sse_handler(on_close = |reason| println!("{reason:?}"))]
async fn closure() {
    emit!("x");
}

#[sse_handler(on_close = "log")]
async fn text() {
    emit!("x");
}

fn main() {}
