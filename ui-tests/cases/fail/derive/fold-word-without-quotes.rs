use touka::IntoEvent;

#[derive(IntoEvent)]
enum Chat {
    #[event(fold = concat)]
    Token { text: String },
}

fn main() {}
