use touka::{EventStream, sse};

fn main() {
    let stream: EventStream = sse! {
        tokio::spawn(async {
            yield "from a task";
        });
    };
    drop(stream);
}
