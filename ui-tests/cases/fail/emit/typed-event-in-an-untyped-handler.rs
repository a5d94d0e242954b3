use touka::{IntoEvent, sse_handler};

#[derive(IntoEvent)]
struct Tick {
    count: u64,
}

#[sse_handler]
async fn ticks() {
    emit!(Tick { count: 1 });
}

fn main() {
    let _ = ticks();
}
