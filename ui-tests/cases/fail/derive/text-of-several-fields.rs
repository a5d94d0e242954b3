use touka::IntoEvent;

#[derive(IntoEvent)]
enum Log {
    #[event(data = "text")]
    Line { level: u8, text: String },
}

fn main() {}
