//! The flag between publishers and a shard, under loom: it tries the orders in which writes of other threads
//! can become visible, which a scheduler of threads alone does not.

use loom::model;
use loom::sync::Arc;
use loom::sync::atomic::{self, AtomicBool, Ordering};
use loom::thread;

#[path = "../../touka/src/server/park/signal.rs"]
mod signal;

use signal::Signal;

#[test]
fn no_request_to_close_a_stream_is_lost() {
    model(|| {
        let signal = Arc::new(Signal::new());
        let requested = Arc::new(AtomicBool::new(false));
        let in_inbox = Arc::new(AtomicBool::new(false));
        // The flag is already raised, and the shard's entry is in the inbox.
        assert!(signal.raise());
        let closer = {
            let (signal, requested, in_inbox) = (Arc::clone(&signal), Arc::clone(&requested), Arc::clone(&in_inbox));
            thread::spawn(move || {
                requested.store(true, Ordering::Release);
                if signal.raise() {
                    in_inbox.store(true, Ordering::Release);
                }
            })
        };
        // The shard handles what was requested before, and what has been requested since.
        signal.lower();
        let seen = requested.load(Ordering::Acquire);
        closer.join().expect("closed");
        assert!(seen || in_inbox.load(Ordering::Acquire), "the shard sleeps, and was not notified");
    });
}

#[test]
fn only_one_of_two_publishers_adds_to_the_inbox() {
    model(|| {
        let signal = Arc::new(Signal::new());
        let raiser = {
            let signal = Arc::clone(&signal);
            thread::spawn(move || signal.raise())
        };
        let raised = [signal.raise(), raiser.join().expect("raised")];
        assert!(raised == [true, false] || raised == [false, true]);
        signal.lower();
        assert!(signal.raise());
    });
}
