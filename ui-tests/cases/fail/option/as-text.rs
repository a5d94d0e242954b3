use touka::sse_handler;

#[sse_handler(crate = "touka")]
async fn clock() {
    emit!("tick");
}

fn main() {
    let _ = clock();
}
