//! A lock guard held across an emit would block others until the client has taken the event.

use std::sync::{Arc, Mutex};

use touka::sse_handler;

#[sse_handler]
async fn names(shared: Arc<Mutex<Vec<String>>>) {
    let names = shared.lock().unwrap();
    for name in names.iter() {
        emit!(name.as_str());
    }
}

fn main() {
    let _ = names(Arc::default());
}
