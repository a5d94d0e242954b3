use touka::{EventStream, sse};

fn main() {
    let stream: EventStream = sse! {
        3
    };
    drop(stream);
}
