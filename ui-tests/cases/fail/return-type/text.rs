use touka::sse_handler;

#[sse_handler]
async fn clock() -> String {
    emit!("tick");
}

fn main() {
    let _ = clock();
}
