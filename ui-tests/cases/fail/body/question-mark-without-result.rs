use touka::{Event, sse_handler};

#[sse_handler]
async fn numbers() {
    emit!(Event::json(&[1, 2, 3])?);
}

fn main() {
    let _ = numbers();
}
