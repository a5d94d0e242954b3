use touka::{Router, route};

struct Clock;

impl Clock {
    #[route(GET, "/clock")]
    async fn clock(self) -> &'static str {
        "noon"
    }
}

fn main() {
    let _ = Router::<()>::new();
}
