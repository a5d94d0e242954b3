//! The sender takes the event type of its signature.

use touka::{Event, EventSender, IntoEvent, sse_handler};

struct Tick;

impl IntoEvent for Tick {
    fn into_event(self) -> touka::Result<Event> {
        Ok(Event::data("tick"))
    }
}

#[sse_handler(channel = 8)]
async fn ticks(events: EventSender<Tick>) {
    emit!("tick");
    drop(events);
}

fn main() {}
