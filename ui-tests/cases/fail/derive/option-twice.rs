use touka::IntoEvent;

#[derive(IntoEvent)]
enum Chat {
    #[event(name = "usage")]
    #[event(name = "used")]
    Usage(u32),
}

fn main() {}
