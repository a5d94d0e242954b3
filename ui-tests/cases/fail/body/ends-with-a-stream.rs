use touka::{Event, EventStream, sse_handler};

#[sse_handler]
async fn clock() -> EventStream {
    EventStream::generate(|out| async move {
        out.emit(Event::data("tick")).await;
    })
}

fn main() {
    let _ = clock();
}
