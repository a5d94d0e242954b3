//! One `use` imports the function and its route; a rename renames both.

use futures_util::StreamExt;
use touka::{Router, routes};

mod api {
    pub(crate) mod rooms {
        use touka::{route, sse_handler};

        #[route(GET, "/rooms/{room}")]
        #[sse_handler]
        pub(crate) async fn room(room: String) {
            emit!(room);
        }
    }

    pub(crate) use rooms::room;
}

use api::room;
use api::rooms::room as other;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    assert_eq!(room("x".to_owned()).await.count().await, 1);
    assert_eq!(other("x".to_owned()).await.count().await, 1);
    let _: Router = Router::new().mount(routes![room]);
    let _: Router = Router::new().nest("/api", routes![api::rooms::room,]);
    let _: Router = Router::new().mount(routes![self::other]).mount(routes![]);

    // In a function as well.
    #[touka::route(GET, "/local")]
    async fn local() -> &'static str {
        "local"
    }
    let _: Router = Router::new().mount(routes![local]);
}
