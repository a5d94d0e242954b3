use touka::IntoEvent;

#[derive(IntoEvent)]
enum Log {
    #[event(data = "text")]
    Rotated,
}

fn main() {}
