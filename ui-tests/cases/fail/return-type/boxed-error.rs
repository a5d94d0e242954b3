use std::error::Error;

use touka::{EventStream, sse_handler};

#[sse_handler]
async fn clock() -> Result<EventStream, Box<dyn Error>> {
    emit!("tick");
}

fn main() {
    let _ = clock();
}
