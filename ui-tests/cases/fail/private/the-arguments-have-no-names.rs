use touka::extract::LastEventId;
use touka::{route, routes, sse_handler};

#[route(GET, "/clock")]
#[sse_handler]
async fn clock(LastEventId { .. }: LastEventId) {
    let _ = last_event_id;
    let _ = parts;
    let _ = request;
    emit!("tick");
}

fn main() {
    let _ = touka::Router::<()>::new().mount(routes![clock]);
}
