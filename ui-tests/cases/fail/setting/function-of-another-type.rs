//! A hook has a fixed argument type.

use touka::{Event, EventStream, sse_handler};

fn log(reason: String) {
    drop(reason);
}

fn sorry(error: u8) -> Event {
    Event::data(error.to_string())
}

#[sse_handler(on_close = log)]
async fn clock() {
    emit!("x");
}

#[sse_handler(on_error = sorry)]
async fn room() -> Result<EventStream, http::StatusCode> {
    emit!("x");
}

fn main() {}
