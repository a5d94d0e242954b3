use touka::IntoEvent;

#[derive(IntoEvent)]
enum Chat {
    #[event(name = "usage ")]
    Usage(u32),
}

fn main() {}
