use touka::{EventStream, sse};

fn main() {
    let stream: EventStream = sse! {
        return 3;
    };
    drop(stream);
}
