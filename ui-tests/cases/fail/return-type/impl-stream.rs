use touka::sse_handler;

#[sse_handler]
async fn clock() -> impl futures_util::Stream<Item = touka::Event> {
    emit!("tick");
}

fn main() {
    let _ = clock();
}
