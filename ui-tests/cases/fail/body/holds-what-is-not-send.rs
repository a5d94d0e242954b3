use std::rc::Rc;

use touka::sse_handler;

#[sse_handler]
async fn clock() {
    let count = Rc::new(3);
    emit!("tick");
    drop(count);
}

fn main() {
    let _ = clock();
}
