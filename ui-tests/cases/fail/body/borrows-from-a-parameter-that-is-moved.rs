use touka::sse_handler;

#[sse_handler]
async fn greet(name: String) {
    drop(name);
    emit!(name);
}

fn main() {
    let _ = greet(String::new());
}
