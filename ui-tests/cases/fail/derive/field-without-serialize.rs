use touka::IntoEvent;

struct Usage {
    input: u32,
}

#[derive(IntoEvent)]
enum Chat {
    Done { usage: Usage, reason: String },
}

fn main() {}
