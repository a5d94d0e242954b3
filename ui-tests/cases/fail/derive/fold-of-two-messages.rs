use touka::IntoEvent;

#[derive(IntoEvent)]
enum Chat {
    #[event(name = "message", fold = "concat")]
    Token(String),
    #[event(name = "message")]
    Line(String),
}

fn main() {}
