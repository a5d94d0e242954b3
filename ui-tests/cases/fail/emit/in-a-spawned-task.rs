use touka::sse_handler;

#[sse_handler]
async fn clock() {
    tokio::spawn(async move {
        emit!("tick");
    });
}

fn main() {
    let _ = clock();
}
