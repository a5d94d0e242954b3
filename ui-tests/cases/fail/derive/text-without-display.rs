use touka::IntoEvent;

#[derive(IntoEvent)]
#[event(data = "text")]
struct Lines(Vec<String>);

fn main() {}
