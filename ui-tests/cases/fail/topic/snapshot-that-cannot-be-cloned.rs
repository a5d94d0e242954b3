use touka::topic::{HubError, OnGap};
use touka::{Event, EventStream, Hub};

struct Db;

async fn load(_db: &Db) -> Vec<Event> {
    Vec::new()
}

async fn follow(hub: Hub, db: Db) -> Result<EventStream, HubError> {
    hub.topic("cart")?.subscribe(None).on_gap(OnGap::snapshot(async move || load(&db).await)).await
}

fn main() {
    let _ = follow(Hub::memory(), Db);
}
