use touka::IntoEvent;

#[derive(IntoEvent)]
enum Chat {
    #[event(nmae = "usage")]
    Usage(u32),
}

fn main() {}
