//! Wakers are code of the reader or the publisher. A waker that panics affects no other task.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use support::{Folder, until, within};
use touka::{Event, EventStream, Hub, Topic};

const PATIENCE: Duration = Duration::from_mins(1);

/// Panics when it wakes.
#[derive(Default)]
struct PanicsOnWake(AtomicUsize);

impl Wake for PanicsOnWake {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
        panic!("this waker panics on purpose");
    }
}

/// Panics when it is dropped.
struct PanicsOnDrop;

impl Wake for PanicsOnDrop {
    fn wake(self: Arc<Self>) {}
}

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        panic!("this waker panics on purpose");
    }
}

#[derive(Default)]
struct Counts(AtomicUsize);

impl Wake for Counts {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn on_disk(folder: &Folder) -> (Hub, Topic) {
    let hub = Hub::open(folder.path("hub")).expect("the stream opens");
    let topic = hub.topic("a").expect("a valid topic name");
    (hub, topic)
}

fn panicking() -> (Arc<PanicsOnWake>, Waker) {
    let panicking = Arc::new(PanicsOnWake::default());
    (Arc::clone(&panicking), Waker::from(panicking))
}

/// Makes futures until one has to wait, and leaves the waker in it. On a busy machine the disk's thread may
/// complete one before it is polled.
fn waits<F: Future + Unpin>(waker: &Waker, make: impl FnMut(usize) -> F) -> F {
    let mut made = (0..100_000).map(make);
    made.find_map(|mut future| is_pending(&mut future, waker).then_some(future)).expect("one future has to wait")
}

fn is_pending(future: &mut (impl Future + Unpin), waker: &Waker) -> bool {
    Pin::new(future).poll(&mut Context::from_waker(waker)).is_pending()
}

async fn woken(panicking: &PanicsOnWake) {
    until(PATIENCE, "the waker is called", || panicking.0.load(Ordering::SeqCst) > 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publisher_whose_waker_panics_does_not_end_the_hub() {
    let folder = Folder::new();
    let (_hub, topic) = on_disk(&folder);
    topic.publish("first").await.unwrap();
    let (counts, waker) = panicking();
    let publish = waits(&waker, |_| Box::pin(topic.publish("second")));
    woken(&counts).await;
    within(PATIENCE, "a publish", topic.publish("third")).await.unwrap();
    publish.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_whose_waker_panics_does_not_end_the_hub() {
    let folder = Folder::new();
    let (hub, _topic) = on_disk(&folder);
    let (counts, waker) = panicking();
    let subscribe = waits(&waker, |number| {
        let topic = hub.topic::<Event>(number.to_string()).expect("a valid topic name");
        topic.subscribe(None).into_future()
    });
    woken(&counts).await;
    let other = hub.topic::<Event>("b").unwrap();
    within(PATIENCE, "a publish", other.publish("one")).await.unwrap();
    subscribe.await.unwrap();
}

/// Publishers that wait for capacity are woken many at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_publisher_whose_waker_panics_blocks_no_other() {
    let folder = Folder::new();
    let (_hub, topic) = on_disk(&folder);
    topic.publish("first").await.unwrap();
    let text = "x".repeat(8 * 1024 * 1024);
    let (_, waker) = panicking();
    // Repeated if the disk finishes the large ones before all others wait.
    for _ in 0..100 {
        let mut large: Vec<_> = (0..6).map(|_| Box::pin(topic.publish(text.as_str()))).collect();
        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(topic.publish("panicking"))).collect();
        let mut others: Vec<_> = (0..5).map(|_| Box::pin(topic.publish("small"))).collect();
        let queued = large.iter_mut().all(|publish| publish.now_or_never().is_none());
        let wait = queued && waiting.iter_mut().all(|publish| is_pending(publish, &waker));
        let all_wait = wait && others.iter_mut().all(|publish| publish.now_or_never().is_none());
        drop(large);
        if !all_wait {
            continue;
        }
        for other in others {
            within(PATIENCE, "a publish", other).await.unwrap();
        }
        return;
    }
    panic!("the disk was too fast a hundred times");
}

fn read_all(stream: &mut EventStream, waker: &Waker) {
    while stream.poll_next_unpin(&mut Context::from_waker(waker)).is_ready() {}
}

/// When most readers have left, the others are woken to register again.
#[tokio::test]
async fn a_waker_that_panics_when_dropped_loses_no_other_wake() {
    let topic = Hub::memory().topic::<Event>("a").unwrap();
    let (counts, mut stays) = (Arc::new(Counts::default()), topic.subscribe(None).await.unwrap());
    read_all(&mut stays, &Arc::clone(&counts).into());
    let mut leaving = Vec::new();
    for _ in 0..200 {
        let mut stream = topic.subscribe(None).await.unwrap();
        // The topic holds the last clone of the waker.
        read_all(&mut stream, &Arc::new(PanicsOnDrop).into());
        leaving.push(stream);
    }
    for stream in leaving {
        // Whether the panic reaches the code that drops the stream is not tested here.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(stream)));
    }
    topic.publish("one").await.unwrap();
    assert!(counts.0.load(Ordering::SeqCst) > 0, "the reader waited and was never woken");
    assert_eq!(topic.subscribers(), 1);
}
