use http::StatusCode;
use touka::{Event, EventStream, sse_handler};

#[sse_handler]
async fn clock() -> Result<EventStream, StatusCode> {
    emit!(Event::json(&[1, 2, 3]));
}

fn main() {
    let _ = clock();
}
