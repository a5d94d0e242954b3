struct App;

#[tokio::main(flavor = "current_thread")]
async fn main() -> touka::Result<()> {
    touka::serve("127.0.0.1:0", App).await
}
