use touka::sse_handler;

#[sse_handler]
async fn clock() {
    emit!();
}

fn main() {
    let _ = clock();
}
