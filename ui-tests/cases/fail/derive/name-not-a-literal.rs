use touka::IntoEvent;

const USAGE: &str = "usage";

#[derive(IntoEvent)]
enum Chat {
    #[event(name = USAGE)]
    Usage(u32),
}

fn main() {}
