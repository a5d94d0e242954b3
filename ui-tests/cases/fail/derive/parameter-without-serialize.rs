use touka::{EventStream, IntoEvent, sse_handler};

#[derive(IntoEvent)]
struct Changed<T> {
    to: T,
}

struct Opaque;

#[sse_handler]
async fn changes() -> EventStream<Changed<Opaque>> {
    emit!(Changed { to: Opaque });
}

fn main() {}
