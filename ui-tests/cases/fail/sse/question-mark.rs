use touka::{EventStream, sse};

fn main() {
    let stream: EventStream = sse! {
        let word = std::str::from_utf8(b"word")?;
        yield word.to_owned();
    };
    drop(stream);
}
