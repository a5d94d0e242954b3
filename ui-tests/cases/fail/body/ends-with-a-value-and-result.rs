use http::StatusCode;
use touka::{EventStream, sse_handler};

#[sse_handler]
async fn clock() -> Result<EventStream, StatusCode> {
    emit!("tick");
    "tock"
}

fn main() {
    let _ = clock();
}
