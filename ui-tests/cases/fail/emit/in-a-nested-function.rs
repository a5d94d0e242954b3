use touka::sse_handler;

#[sse_handler]
async fn clock() {
    async fn tick() {
        emit!("tick");
    }
    tick().await;
}

fn main() {
    let _ = clock();
}
