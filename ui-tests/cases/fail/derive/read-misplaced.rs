use touka::IntoEvent;

#[derive(IntoEvent)]
#[event(read = "yes")]
enum Chat {
    #[event(read)]
    Token(String),
    Moved {
        #[event(read)]
        x: u8,
    },
}

fn main() {}
