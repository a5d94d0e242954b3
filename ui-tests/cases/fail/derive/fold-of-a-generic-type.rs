use touka::IntoEvent;

#[derive(IntoEvent)]
enum Chat<T> {
    #[event(fold = "concat")]
    Token { text: String },
    Usage(T),
}

fn main() {}
