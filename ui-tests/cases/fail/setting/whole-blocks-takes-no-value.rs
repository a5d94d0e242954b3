//! `whole_blocks` takes no value.

use touka::sse_handler;

#[sse_handler(whole_blocks = true)]
async fn clock() {
    emit!("tick");
}

#[sse_handler(whole_blocks(false))]
async fn another() {
    emit!("tick");
}

fn main() {}
