use touka::sse_handler;

#[sse_handler]
async fn clock() {
    emit!("tick");
    __touka_hand.emit("tock").await;
}

fn main() {
    let _ = clock();
}
