use touka::{EventStream, sse};

fn greet(name: &str) -> EventStream {
    sse! { yield format!("hello {name}"); }
}

fn main() {
    drop(greet("you"));
}
