use touka::{EventStream, IntoEvent, contract, route, sse_handler};

#[derive(serde::Serialize)]
struct Price {
    cents: u64,
}

#[derive(IntoEvent)]
enum ShopEvent {
    Priced(Price),
}

#[sse_handler]
#[route(GET, "/prices")]
async fn prices() -> EventStream<ShopEvent> {
    emit!(ShopEvent::Priced(Price { cents: 3 }));
}

fn main() {
    let _ = touka::Router::<()>::new().mount(contract![prices]);
}
