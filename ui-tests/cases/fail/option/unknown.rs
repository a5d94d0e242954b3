use touka::sse_handler;

#[sse_handler(color = "red")]
async fn clock() {
    emit!("tick");
}

fn main() {
    let _ = clock();
}
