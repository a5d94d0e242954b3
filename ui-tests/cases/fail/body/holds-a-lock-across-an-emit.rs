//! A lock that is held while the client takes its time stops everybody who needs it.

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
