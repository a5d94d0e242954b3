use http::StatusCode;
use touka::{EventStream, sse_handler};

#[sse_handler]
async fn clock(early: bool) -> Result<EventStream, StatusCode> {
    if early {
        return;
    }
    emit!("tick");
}

fn main() {
    let _ = clock(true);
}
