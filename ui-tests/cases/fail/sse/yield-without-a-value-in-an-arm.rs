use touka::{EventStream, sse};

fn main() {
    let stream: EventStream = sse! {
        match 3 {
            3 => yield,
            _ => {}
        }
    };
    drop(stream);
}
