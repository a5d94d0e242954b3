use touka::sse_handler;

#[sse_handler]
async fn clock() -> Result<u32, http::StatusCode> {
    emit!("tick");
}

fn main() {
    let _ = clock();
}
