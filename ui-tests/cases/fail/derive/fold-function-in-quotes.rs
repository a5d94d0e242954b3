use touka::IntoEvent;

#[derive(IntoEvent)]
enum Chat {
    #[event(fold = "u32::max")]
    Usage(u32),
}

fn main() {}
