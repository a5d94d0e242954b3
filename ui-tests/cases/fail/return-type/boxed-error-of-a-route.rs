use std::error::Error;

use touka::{EventStream, route};

#[route(GET, "/clock")]
async fn clock() -> Result<EventStream, Box<dyn Error + Send + Sync>> {
    todo!()
}

fn main() {
    let _: [touka::routing::Route; 1] = touka::routes![clock];
}
