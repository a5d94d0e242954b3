use touka::sse_handler;

#[sse_handler(crat = touka)]
async fn clock() {
    emit!("tick");
}

fn main() {
    let _ = clock();
}
