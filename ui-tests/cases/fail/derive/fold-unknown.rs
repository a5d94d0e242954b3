use touka::IntoEvent;

#[derive(IntoEvent)]
enum Chat {
    #[event(fold = "conact")]
    Token { text: String },
    #[event(fold = "sum up")]
    Usage(u32),
}

fn main() {}
