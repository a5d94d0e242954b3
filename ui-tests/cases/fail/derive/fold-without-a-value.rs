use touka::IntoEvent;

#[derive(IntoEvent)]
enum Chat {
    #[event(fold)]
    Token { text: String },
    #[event(fold = |a, b| a + b)]
    Usage(u32),
}

fn main() {}
