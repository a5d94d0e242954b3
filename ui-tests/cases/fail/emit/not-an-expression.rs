use touka::sse_handler;

#[sse_handler]
async fn clock() {
    emit!(event: "tick");
}

fn main() {
    let _ = clock();
}
