use touka::IntoEvent;

#[derive(IntoEvent)]
enum Chat {
    #[event("usage")]
    Usage(u32),
}

fn main() {}
