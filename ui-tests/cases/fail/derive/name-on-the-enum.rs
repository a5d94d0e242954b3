use touka::IntoEvent;

#[derive(IntoEvent)]
#[event(name = "chat")]
enum Chat {
    Usage(u32),
}

fn main() {}
