//! The two attributes may be in either order.

use futures_util::StreamExt;
use touka::{Emitter, Router, route, routes, sse_handler};

#[sse_handler]
#[route(GET, "/handler-first/{count}")]
async fn handler_first(count: u32, out: Emitter) {
    for left in 0..count {
        out.emit(format!("{left}")).await;
    }
}

#[route(GET, "/route-first/{count}")]
#[sse_handler]
async fn route_first(count: u32, out: &Emitter) {
    for left in 0..count {
        out.emit(format!("{left}")).await;
    }
}

#[touka::route(GET, "/paths")]
#[touka::sse_handler]
async fn paths() {
    emit!("one");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let routes = routes![handler_first, route_first, paths];
    assert_eq!(routes[0].path(), "/handler-first/{count}");
    assert!(routes[1].name().ends_with("::route_first"), "{}", routes[1].name());
    let _: Router = Router::new().mount(routes);
    // The emitter is not a parameter of the public signature.
    assert_eq!(handler_first(3).await.count().await, 3);
    assert_eq!(route_first(2).await.count().await, 2);
    assert_eq!(paths().await.count().await, 1);
}
