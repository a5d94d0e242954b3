use touka::{EventStream, sse};

fn main() {
    let stream: EventStream = sse! {
        let answer = yield "question";
    };
    drop(stream);
}
