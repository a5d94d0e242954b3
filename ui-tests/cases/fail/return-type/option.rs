use touka::sse_handler;

#[sse_handler]
async fn clock() -> Option<touka::EventStream> {
    emit!("tick");
}

fn main() {
    let _ = clock();
}
