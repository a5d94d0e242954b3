use touka::IntoEvent;

#[derive(IntoEvent)]
enum Chat {
    #[event(name = "")]
    Usage(u32),
}

fn main() {}
