use std::borrow::Cow;

use touka::sse_handler;

#[sse_handler]
async fn greet(name: Cow<'_, str>) {
    emit!(name);
}

fn main() {
    let _ = greet("you".into());
}
