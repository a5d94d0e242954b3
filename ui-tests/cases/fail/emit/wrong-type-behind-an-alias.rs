use touka::{EventStream, sse_handler};

type Words = EventStream<String>;

#[sse_handler]
async fn words() -> Words {
    emit!("one".to_owned());
    emit!("two");
}

fn main() {
    let _ = words();
}
