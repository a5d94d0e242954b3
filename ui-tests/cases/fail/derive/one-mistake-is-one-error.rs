use touka::{EventStream, IntoEvent, sse_handler};

#[derive(IntoEvent)]
enum Chat {
    #[event(nmae = "usage")]
    Usage(u32),
}

#[sse_handler]
async fn chat() -> EventStream<Chat> {
    emit!(Chat::Usage(1));
}

fn main() {}
