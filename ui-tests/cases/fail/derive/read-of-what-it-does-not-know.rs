use touka::IntoEvent;

#[derive(IntoEvent)]
#[event(read)]
struct Generic<T>(T);

#[derive(Default, IntoEvent)]
#[event(read)]
#[serde(default)]
struct Defaults {
    input: u32,
}

#[derive(IntoEvent)]
#[event(read)]
enum Chat {
    #[event(name = "message")]
    Token(String),
    #[event(name = "message")]
    Line(String),
}

fn main() {}
