use touka::{Event, EventStream, IntoEvent, sse};

struct Tick(u64);

impl IntoEvent for Tick {
    fn into_event(self) -> touka::Result<Event> {
        Ok(Event::data(self.0.to_string()))
    }
}

fn ticks() -> EventStream<Tick> {
    sse! {
        yield Tick(3);
        yield "tick";
    }
}

fn main() {
    drop(ticks());
}
