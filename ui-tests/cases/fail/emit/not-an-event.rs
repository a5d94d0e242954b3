use touka::sse_handler;

struct Tick;

#[sse_handler]
async fn clock() {
    emit!(Tick);
}

fn main() {
    let _ = clock();
}
