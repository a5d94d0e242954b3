use touka::IntoEvent;

#[derive(IntoEvent)]
enum Chat {
    #[event(fold = "concat")]
    Done,
    #[event(fold = first)]
    Closed {},
}

fn main() {}
