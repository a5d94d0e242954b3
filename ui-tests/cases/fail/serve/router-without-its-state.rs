use axum::extract::State;
use axum::routing::get;

async fn name(State(name): State<String>) -> String {
    name
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> touka::Result<()> {
    let app: axum::Router<String> = axum::Router::new().route("/", get(name));
    touka::Server::new().serve("127.0.0.1:0", app).await
}
