use std::rc::Rc;

use touka::sse_handler;

#[sse_handler]
async fn greet(name: Rc<str>) {
    emit!(name.to_string());
}

fn main() {
    let _ = greet("you".into());
}
