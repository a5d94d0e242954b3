//! A misspelled option of a run.

use touka::{route, sse_handler};

#[sse_handler(detached = "a", on_disconect = keep, keepfor = "1h")]
#[route(POST, "/a")]
async fn a() {
    emit!("x");
}

#[sse_handler(detatched = "b")]
#[route(POST, "/b")]
async fn b() {
    emit!("x");
}

fn main() {}
