use touka::sse_handler;

#[sse_handler("15s")]
async fn clock() {
    emit!("tick");
}

fn main() {
    let _ = clock();
}
