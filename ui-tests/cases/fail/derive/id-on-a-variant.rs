use touka::IntoEvent;

#[derive(IntoEvent)]
enum Chat {
    #[event(id)]
    Moved { seq: u64 },
}

fn main() {}
