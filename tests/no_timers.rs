//! A hub on a runtime without timers.

use std::panic::{set_hook, take_hook};
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Builder;
use touka::{Event, Hub};

/// A runtime without timers cannot run the hub's task. That is found out once, not with each call.
#[test]
fn a_runtime_without_timers_is_tried_once() {
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    let before = take_hook();
    set_hook(Box::new(move |panic| {
        if panic.location().is_some_and(|location| location.file().ends_with("janitor.rs")) {
            PANICS.fetch_add(1, Ordering::SeqCst);
        } else {
            before(panic);
        }
    }));
    let hub = Hub::memory();
    Builder::new_current_thread().build().unwrap().block_on(async {
        for number in 0..5 {
            hub.topic::<Event>(number.to_string()).expect("a valid topic name").publish("one").await.unwrap();
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
        }
    });
    assert!(PANICS.load(Ordering::SeqCst) <= 1, "{PANICS:?}");
    assert_eq!(hub.topics().len(), 5);
}
