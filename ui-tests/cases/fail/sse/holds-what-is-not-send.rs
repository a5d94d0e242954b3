use touka::{EventStream, sse};

fn main() {
    let stream: EventStream = sse! {
        let local = std::rc::Rc::new("local");
        yield *local;
        drop(local);
    };
    drop(stream);
}
