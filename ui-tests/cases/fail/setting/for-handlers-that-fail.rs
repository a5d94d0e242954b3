//! The options about errors need a handler that can fail.

use touka::{Event, EventStream, sse_handler};

fn sorry(_: http::StatusCode) -> Event {
    Event::data("sorry")
}

#[sse_handler(open_after = "2s", on_error = sorry)]
async fn clock() {
    emit!("tick");
}

type Feed = EventStream;

#[sse_handler(on_error = sorry)]
async fn aliased() -> Feed {
    emit!(Event::data("tick"));
}

fn main() {}
