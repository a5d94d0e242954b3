use touka::sse_handler;

#[sse_handler]
async fn clock() -> () {
    emit!("tick");
}

fn main() {
    let _ = clock();
}
