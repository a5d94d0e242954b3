//! The task of a shard.

use std::future::{Future, poll_fn};
use std::mem;
use std::sync::Arc;
use std::task::Poll;

use tokio::task::unconstrained;

use super::client::Client;
use super::inbox::Inbox;
use super::shard::Shard;
use super::turn::Turn;
use crate::server::shared::Shared;
use crate::stream::guarded;

/// Serves the connections of an inbox, until there are none left.
pub(super) fn run(inbox: Arc<Inbox>, shared: Arc<Shared>) -> impl Future<Output = ()> {
    let make = {
        let inbox = Arc::clone(&inbox);
        move || Shard::new(Arc::clone(&inbox), Arc::clone(&shared))
    };
    restarting(inbox, make)
}

/// Runs a shard that `make` creates, and replaces it with another one after a panic.
fn restarting<S: Turn>(inbox: Arc<Inbox>, make: impl Fn() -> S) -> impl Future<Output = ()> {
    // Created here and not at the first poll: a runtime that ends can drop the task before that.
    let running = Running(Some(inbox));
    go_on(running, make)
}

async fn go_on<S: Turn>(mut running: Running, make: impl Fn() -> S) {
    let mut shard = make();
    // A shard yields by itself, after each turn. Its reads would use up tokio's cooperative budget, and the timer
    // could not be polled then.
    unconstrained(poll_fn(|cx| {
        let Some(polled) = guarded("a shard", || shard.turn(cx)) else {
            // The code of each connection is guarded separately, so this is a defect of the shard. It costs only
            // the connections of this shard.
            mem::replace(&mut shard, make()).abandon();
            cx.waker().wake_by_ref();
            return Poll::Pending;
        };
        polled
    }))
    .await;
    running.0 = None;
}

/// A guard that stops the inbox if the task is dropped before its end, for example with the runtime.
struct Running(Option<Arc<Inbox>>);

impl Drop for Running {
    fn drop(&mut self) {
        let arrived = self.0.take().map(|inbox| inbox.stop()).unwrap_or_default();
        arrived.into_iter().for_each(Client::leave);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::task::Context;

    use super::*;

    /// A shard with a script: panics, waits for another turn, or ends.
    struct Scripted<'t> {
        number: usize,
        turns: &'t RefCell<Vec<(usize, &'static str)>>,
        inbox: &'t Inbox,
    }

    impl Turn for Scripted<'_> {
        fn turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
            let turn = self.turns.borrow().len();
            self.turns.borrow_mut().push((self.number, "turn"));
            cx.waker().wake_by_ref();
            match turn {
                1 | 3 => panic!("a shard panics"),
                5 => {
                    assert!(self.inbox.close());
                    Poll::Ready(())
                }
                _ => Poll::Pending,
            }
        }

        fn abandon(self) {
            self.turns.borrow_mut().push((self.number, "abandoned"));
        }
    }

    #[tokio::test]
    async fn a_panic_of_a_shard_costs_that_shard_and_another_one_goes_on() {
        let (turns, made, inbox) = (RefCell::default(), RefCell::new(0), Arc::<Inbox>::default());
        let make = || {
            *made.borrow_mut() += 1;
            Scripted { number: *made.borrow(), turns: &turns, inbox: &inbox }
        };
        restarting(Arc::clone(&inbox), make).await;
        let expected = [(1, "turn"), (1, "turn"), (1, "abandoned"), (2, "turn"), (2, "abandoned"), (3, "turn")];
        assert_eq!(turns.take(), expected);
    }

    #[tokio::test]
    async fn a_task_that_is_dropped_leaves_the_inbox_to_another_one() {
        let (turns, inbox) = (RefCell::default(), Arc::<Inbox>::default());
        let make = || Scripted { number: 1, turns: &turns, inbox: &inbox };
        inbox.start();
        // As when a runtime ends before it has polled the task.
        drop(restarting(Arc::clone(&inbox), make));
        assert!(inbox.start(), "no other task is started");
        let mut task = Box::pin(restarting(Arc::clone(&inbox), make));
        assert!(poll_fn(|cx| Poll::Ready(task.as_mut().poll(cx).is_pending())).await);
        assert!(!inbox.start(), "a second task");
        drop(task);
        assert!(inbox.start());
    }
}
