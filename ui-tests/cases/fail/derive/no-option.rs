use touka::IntoEvent;

#[derive(IntoEvent)]
enum Chat {
    #[event]
    Usage(u32),
}

fn main() {}
