use touka::sse_handler;

#[sse_handler]
async fn clock() -> Stream {
    emit!("tick");
}

fn main() {
    let _ = clock();
}
