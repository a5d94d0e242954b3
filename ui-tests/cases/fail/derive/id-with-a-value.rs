use touka::IntoEvent;

#[derive(IntoEvent)]
struct Moved {
    #[event(id = "seq")]
    seq: u64,
}

fn main() {}
