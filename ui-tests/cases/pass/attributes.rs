//! Other attributes keep their place.

#![deny(warnings)]

use futures_util::StreamExt;
use touka::{route, routes, sse_handler};

/// Documented.
#[doc(alias = "ticks")]
#[sse_handler]
#[allow(clippy::too_many_arguments, unused_variables)]
#[route(GET, "/clock/{count}")]
#[cfg(not(any()))]
async fn clock(#[allow(unused_mut)] mut count: u32) {
    let unused = 3;
    for left in 0..count {
        emit!(format!("{left}"));
    }
}

#[sse_handler]
async fn conditional(#[cfg(any())] missing: Missing, #[cfg(all())] there: u32) {
    emit!(there.to_string());
}

#[cfg(any())]
#[sse_handler]
#[route(GET, "/gone")]
async fn gone(missing: Missing) {}

#[sse_handler]
#[deprecated]
async fn old() {
    #![allow(unused_variables)]
    let unused = 3;
    emit!("x");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let _: touka::Router = touka::Router::new().mount(routes![clock]);
    assert_eq!(clock(2).await.count().await, 2);
    assert_eq!(conditional(2).await.count().await, 1);
    #[allow(deprecated)]
    let stream = old().await;
    assert_eq!(stream.count().await, 1);
}
