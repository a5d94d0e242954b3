//! A stream that its reader does not read.

use std::task::{Context, Waker};
use std::time::Duration;

use futures_util::StreamExt;
use support::{Direction, RedisServer, TcpProxy, within};
use tokio::time::sleep;

use super::oracle::Faults;
use super::scene::{Options, PATIENCE, Scene};

/// The number of scripts that Redis has run.
async fn scripts(redis: &RedisServer) -> u64 {
    let calls = redis.info("cmdstat_evalsha").await.expect("a script was run");
    let calls = calls.strip_prefix("calls=").and_then(|calls| calls.split(',').next());
    calls.and_then(|calls| calls.parse().ok()).expect("a number")
}

/// Repeats something until it succeeds.
async fn until(mut succeeds: impl AsyncFnMut() -> bool) {
    while !succeeds().await {}
}

/// A reader needs events that are in neither its node nor Redis, so its stream compares the node's log with Redis. The reader
/// is busy with something else before the answer comes. Other clients of the node do not wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_not_read_holds_up_no_other() {
    let redis = RedisServer::start().await;
    let mut proxy = TcpProxy::start(redis.address());
    let urls = [redis.url_at(proxy.address()), redis.url()];
    let mut scene = Scene::new(&urls, Options { cached: 3, ..Options::default() }).await;
    let client = scene.client(0).await;
    let mut unread = scene.nodes[0].subscribe(None).await.expect("a stream");
    unread.next().await.expect("its position");
    let last = scene.publish(1, 10).await;
    assert!(client.reaches(last, PATIENCE).await);
    scene.clients.push(client);
    redis.command(&["DEL", &format!("touka:{{{}}}:events", scene.name)]).await;

    let foreign = scene.topic(1, "another").publish("").await.expect("published");

    // The request for older events, and then the comparison. Its answer stalls, and no one reads when it arrives.
    let before = scripts(&redis).await;
    let mut cx = Context::from_waker(Waker::noop());
    assert!(unread.poll_next_unpin(&mut cx).is_pending());
    let compares = async || {
        sleep(Duration::from_millis(20)).await;
        proxy.stall_one(Direction::ToClient);
        let is_pending = unread.poll_next_unpin(&mut cx).is_pending();
        assert!(is_pending);
        sleep(Duration::from_millis(300)).await;
        let compares = scripts(&redis).await == before + 2;
        proxy.resume();
        compares
    };
    within(PATIENCE, "the comparison", until(compares)).await;
    // An id of another log is compared as well.
    let late = within(Duration::from_secs(20), "a stream", scene.nodes[0].subscribe(foreign).into_future()).await;
    late.expect("a stream");
    let gap = within(PATIENCE, "a gap", unread.next()).await.expect("an open stream");
    assert!(gap.as_data().is_some_and(|data| data.contains("trimmed")), "{gap:?}");
    scene.finish(&redis, Faults::Trim).await;
}
