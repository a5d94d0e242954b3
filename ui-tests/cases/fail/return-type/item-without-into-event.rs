use touka::{EventStream, sse_handler};

struct Tick;

#[sse_handler]
async fn clock() -> EventStream<Tick> {
    emit!(Tick);
}

fn main() {
    let _ = clock();
}
