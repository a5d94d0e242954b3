use touka::IntoEvent;

struct Usage {
    input: u32,
}

#[derive(IntoEvent)]
enum Chat {
    Usage(Usage),
}

fn main() {}
