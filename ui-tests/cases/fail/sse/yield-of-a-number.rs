use touka::{EventStream, sse};

fn main() {
    let stream: EventStream = sse! {
        yield 3u8;
    };
    drop(stream);
}
