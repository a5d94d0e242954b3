//! The drain window: at a shutdown many streams do not end in one instant, and all end.

use std::time::Duration;

use futures_util::future::join_all;
use touka::CloseReason;

use crate::form::Form;
use crate::reader::{End, Reader, is_farewell};
use crate::run::run;
use crate::scene::Scene;

in_each_form!(run; streams_end_one_after_the_other);

/// Each takes 5 ms of the window.
const STREAMS: usize = 60;

/// A machine that stands still for a whole window sees all ends at once. It does not do so each time.
const ROUNDS: usize = 10;

async fn streams_end_one_after_the_other(form: Form) {
    for _ in 0..ROUNDS {
        if ends_are_apart(form).await {
            return;
        }
    }
    panic!("they end together");
}

/// Stops a server whose streams tick, and tells whether some had several ticks more than others. The number of
/// ticks is what the server has made of each stream, however late its client reads it.
async fn ends_are_apart(form: Form) -> bool {
    let mut scene = Scene::with(form, |server| server.drain_window(Duration::from_secs(5)), |stream| stream).await;
    let mut readers = join_all((0..STREAMS).map(|_| scene.open())).await;
    let wire = scene.emit("tick").await;
    for reader in &mut readers {
        reader.expects(&wire).await;
    }
    scene.stop();
    let reads = join_all(readers.iter_mut().map(ticks));
    let goes_on = async {
        loop {
            scene.emit("tick").await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let ticks = tokio::select! {
        ticks = reads => ticks,
        () = goes_on => unreachable!(),
    };
    for _ in 0..STREAMS {
        assert_eq!(scene.ended().await, CloseReason::Shutdown);
    }
    drop(readers);
    scene.stopped().await;
    let (least, most) = (ticks.iter().min().expect("many"), ticks.iter().max().expect("many"));
    most - least >= 5
}

/// Reads a stream to its clean end, and tells how many ticks it had.
async fn ticks(reader: &mut Reader) -> usize {
    let (rest, end) = reader.rest().await;
    assert_eq!(end, End::Clean);
    let rest = String::from_utf8(rest).expect("text");
    let (ticks, retry) = rest.split_at(rest.rfind("retry: ").expect("a retry"));
    is_farewell(retry);
    ticks.matches("data: tick\n\n").count()
}
