use touka::sse_handler;

#[sse_handler]
async fn clock() {
    let taken: bool = emit!("tick");
    if !taken {
        return;
    }
}

fn main() {
    let _ = clock();
}
