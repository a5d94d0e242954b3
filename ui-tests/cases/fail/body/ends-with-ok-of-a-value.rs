use http::StatusCode;
use touka::{EventStream, sse_handler};

#[sse_handler]
async fn clock() -> Result<EventStream, StatusCode> {
    emit!("tick");
    Ok(7)
}

fn main() {
    let _ = clock();
}
