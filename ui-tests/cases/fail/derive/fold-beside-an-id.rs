use std::time::Duration;
use touka::IntoEvent;

#[derive(IntoEvent)]
enum Chat {
    #[event(fold = "concat")]
    Token {
        #[event(id)]
        number: u64,
        text: String,
    },
    #[event(fold = u32::max)]
    Usage(#[event(retry)] Duration, u32),
}

fn main() {}
