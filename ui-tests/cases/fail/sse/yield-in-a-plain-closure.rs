use touka::{EventStream, sse};

fn main() {
    let stream: EventStream = sse! {
        let each = |word: &str| {
            yield word.to_owned();
        };
        each("word");
    };
    drop(stream);
}
