//! `emit!` works wherever `.await` does.

use std::future::Future;
use std::time::Duration;

use futures_util::StreamExt;
use touka::sse_handler;

macro_rules! twice {
    ($statement:stmt) => {
        $statement
        $statement
    };
}

async fn call<F: Future>(make: impl Fn(u32) -> F) {
    make(1).await;
    make(2).await;
}

#[sse_handler]
async fn nested() {
    {
        {
            emit!("block");
        }
    }
    if let Some(word) = Some("if") {
        emit!(word);
    }
    for word in ["for", "for"] {
        emit!(word);
    }
    match 3 {
        1 => emit!("one"),
        _ => emit!("match arm"),
    }
    let length = {
        emit!("in an expression");
        3
    };
    emit!(if length == 3 { "three" } else { "other" });
    twice!(emit!("in another macro"));
}

#[sse_handler]
async fn concurrent() {
    tokio::join!(async { emit!("left") }, async {
        emit!("right");
    });
    tokio::select! {
        () = tokio::time::sleep(Duration::from_millis(1)) => emit!("select"),
        () = std::future::pending() => emit!("never"),
    }
    call(|number| async move {
        emit!(format!("closure {number}"));
    })
    .await;
    let later = async move { emit!("async move block") };
    later.await;
    // `emit!` uses a reference, so several `async move` blocks can emit.
    futures_util::future::join(async move { emit!("first") }, async move { emit!("second") }).await;
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    assert_eq!(nested().await.count().await, 9);
    assert_eq!(concurrent().await.count().await, 8);
}
