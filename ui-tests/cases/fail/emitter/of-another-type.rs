use touka::{Emitter, EventStream, sse_handler};

#[sse_handler]
async fn words(out: Emitter<u32>) -> EventStream<String> {
    out.emit(3u32).await;
}

fn main() {
    let _ = words();
}
