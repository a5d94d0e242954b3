use axum::response::Sse;
use touka::sse_handler;

#[sse_handler]
async fn clock() -> Sse<Ticks> {
    emit!("tick");
}

fn main() {
    let _ = clock();
}
