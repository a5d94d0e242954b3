use touka::IntoEvent;

#[derive(IntoEvent)]
#[event(data = "json5")]
struct Tick(u64);

fn main() {}
