use touka::{EventStream, sse};

fn main() {
    let stream: EventStream = sse! {
        yield "one", "two";
    };
    drop(stream);
}
