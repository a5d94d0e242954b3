use touka::IntoEvent;

#[derive(IntoEvent)]
#[event(fold = "concat")]
enum Chat {
    Token {
        #[event(fold = "concat")]
        text: String,
    },
}

fn main() {}
