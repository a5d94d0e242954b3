use touka::sse_handler;

#[sse_handler]
async fn greet(name: &str) {
    emit!(name);
}

fn main() {
    let _ = greet("you");
}
