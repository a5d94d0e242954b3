use touka::IntoEvent;

struct Position(u64, u64);

#[derive(IntoEvent)]
struct Moved {
    #[event(id)]
    at: Position,
    x: f64,
}

fn main() {}
