use touka::{EventStream, sse};

fn main() {
    let stream: EventStream = sse! {
        drop(yield "question");
    };
    drop(stream);
}
