use touka::{EventStream, IntoEvent, sse_handler};

struct Tick(u64);

impl IntoEvent for Tick {
    fn into_event(self) -> touka::Result<touka::Event> {
        touka::Event::json(&self.0)
    }
}

#[sse_handler]
async fn clock() -> EventStream<Tick> {
    for tick in 0..3 {
        emit!(Tick(tick));
        emit!(tick);
    }
}

fn main() {
    let _ = clock();
}
