use touka::{Event, EventStream, IntoEvent, contract, route, sse_handler};

struct Tick;

impl IntoEvent for Tick {
    fn into_event(self) -> touka::Result<Event> {
        Ok(Event::data("tick"))
    }
}

#[sse_handler]
#[route(GET, "/clock")]
async fn clock() -> EventStream<Tick> {
    emit!(Tick);
}

fn main() {
    let _ = touka::Router::<()>::new().mount(contract![clock]);
}
