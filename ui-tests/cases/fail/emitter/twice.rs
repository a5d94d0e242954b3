use touka::{Emitter, sse_handler};

#[sse_handler]
async fn clock(out: Emitter, again: &Emitter) {
    out.emit("tick").await;
    again.emit("tock").await;
}

fn main() {
    let _ = clock();
}
