//! Each option is given once.

use touka::{route, sse_handler};

#[sse_handler(detached = "a", keep_for = "1h", detached = "b", keep_for = "2h")]
#[route(POST, "/a")]
async fn a() {
    emit!("x");
}

fn main() {}
