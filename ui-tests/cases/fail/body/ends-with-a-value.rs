use touka::sse_handler;

#[sse_handler]
async fn clock() {
    emit!("tick");
    "tock"
}

fn main() {
    let _ = clock();
}
