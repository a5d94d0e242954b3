use touka::IntoEvent;

#[derive(IntoEvent)]
struct Busy {
    #[event(retry)]
    seconds: u64,
}

fn main() {}
