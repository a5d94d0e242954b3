use touka::sse_handler;

#[sse_handler]
async fn clock() {
    emit!(7);
}

fn main() {
    let _ = clock();
}
