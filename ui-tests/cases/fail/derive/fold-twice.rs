use touka::IntoEvent;

#[derive(IntoEvent)]
enum Chat {
    #[event(fold = "concat", fold = join)]
    Token { text: String },
}

fn join(earlier: String, later: String) -> String {
    earlier + &later
}

fn main() {}
