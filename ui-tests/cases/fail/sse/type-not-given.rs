use axum::response::Response;
use touka::{Event, IntoEvent, sse};

struct Tick(u64);

impl IntoEvent for Tick {
    fn into_event(self) -> touka::Result<Event> {
        Ok(Event::data(self.0.to_string()))
    }
}

fn ticks() -> Response {
    sse! { yield Tick(3); }.into_response()
}

fn main() {
    drop(ticks());
}
