use touka::IntoEvent;

#[derive(IntoEvent)]
enum Chat {
    #[event(fold = "concat")]
    Token { index: u32, text: String },
}

fn main() {}
