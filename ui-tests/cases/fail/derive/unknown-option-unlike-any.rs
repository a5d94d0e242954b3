use touka::IntoEvent;

#[derive(IntoEvent)]
enum Chat {
    #[event(topic = "usage")]
    Usage(u32),
}

fn main() {}
