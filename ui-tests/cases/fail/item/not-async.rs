use touka::sse_handler;

#[sse_handler]
fn clock() {
    emit!("tick");
}

fn main() {
    let _ = clock();
}
