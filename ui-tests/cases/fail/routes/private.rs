mod api {
    use touka::route;

    #[route(GET, "/health")]
    async fn health() -> &'static str {
        "fine"
    }
}

fn main() {
    let _: [touka::routing::Route; 1] = touka::routes![api::health];
}
