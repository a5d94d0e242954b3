//! Handlers that a `macro_rules!` generates, with parts from the macro and from its caller.

use futures_util::StreamExt;
use touka::{EventStream, Router, route, routes, sse_handler};

macro_rules! all_from_the_macro {
    ($name:ident, $path:literal) => {
        #[sse_handler]
        #[route(GET, $path)]
        async fn $name() {
            emit!("from the macro");
        }
    };
}
all_from_the_macro!(first, "/first");

macro_rules! statements_from_the_caller {
    ($name:ident, $($body:tt)*) => {
        #[sse_handler]
        async fn $name() {
            emit!("from the macro");
            $($body)*
        }
    };
}
statements_from_the_caller!(second, emit!("from the caller"); let more = "more"; emit!(more););

macro_rules! body_from_the_caller {
    ($name:ident, $body:block) => {
        #[sse_handler]
        async fn $name() $body
    };
}
body_from_the_caller!(third, {
    emit!("from the caller");
});

macro_rules! block_inside_the_body {
    ($name:ident, $output:ty, $body:block) => {
        #[sse_handler]
        async fn $name() -> $output {
            $body
        }
    };
}
block_inside_the_body!(fourth, EventStream, {
    emit!("one");
});
block_inside_the_body!(fifth, Result<EventStream<String>, http::StatusCode>, {
    emit!("one".to_owned());
    Ok(())
});

macro_rules! everything_from_the_caller {
    ($($handler:item)*) => { $($handler)* };
}
everything_from_the_caller! {
    #[sse_handler]
    async fn sixth(name: String) -> EventStream<String> {
        emit!(name);
    }
}

macro_rules! parameters_from_the_caller {
    ($name:ident($($param:ident: $ty:ty),*) $body:block) => {
        #[route(GET, "/seventh/{id}")]
        #[sse_handler]
        async fn $name($($param: $ty),*) {
            emit!("from the macro");
            $body
        }
    };
}
parameters_from_the_caller!(seventh(id: u64) { emit!(format!("{id}")); });

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let _: Router = Router::new().mount(routes![first, seventh]);
    assert_eq!(first().await.count().await, 1);
    assert_eq!(second().await.count().await, 3);
    assert_eq!(third().await.count().await, 1);
    assert_eq!(fourth().await.count().await, 1);
    assert_eq!(fifth().await.unwrap().count().await, 1);
    assert_eq!(sixth("x".to_owned()).await.count().await, 1);
    assert_eq!(seventh(7).await.count().await, 2);
}
