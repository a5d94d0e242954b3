use touka::{route, sse_handler};

#[sse_handler]
struct Clock;

#[route(GET, "/other")]
pub enum Other {}

fn main() {
    let _ = Clock;
}
