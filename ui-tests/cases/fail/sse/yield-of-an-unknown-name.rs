use touka::{EventStream, sse};

fn main() {
    let stream: EventStream = sse! {
        yield undefined;
    };
    drop(stream);
}
