use touka::sse_handler;

#[sse_handler]
async fn clock() {
    yield "tick";
}

fn main() {
    let _ = clock();
}
