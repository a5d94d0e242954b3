use touka::{EventStream, sse_handler};

struct Tick(u64);

#[sse_handler]
async fn clock() -> EventStream<Tick> {
    emit!(Tick(1));
}

fn main() {}
