use touka::sse_handler;

trait Clock {
    #[sse_handler]
    async fn clock(self);
}

fn main() {}
