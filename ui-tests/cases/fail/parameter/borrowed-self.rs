use touka::sse_handler;

struct Clock;

impl Clock {
    #[sse_handler]
    async fn ticks(&self) {
        emit!("tick");
    }
}

fn main() {
    let _ = Clock.ticks();
}
