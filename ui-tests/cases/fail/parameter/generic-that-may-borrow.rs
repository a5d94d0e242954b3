use touka::sse_handler;

#[sse_handler]
async fn greet<T: ToString + Send>(name: T) {
    emit!(name.to_string());
}

fn main() {
    let _ = greet("you");
}
