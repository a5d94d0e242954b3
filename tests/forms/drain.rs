//! The drain window: at a shutdown many streams do not end at one instant, and all end.

use std::time::Duration;

use futures_util::future::join_all;
use touka::CloseReason;

use crate::form::Form;
use crate::reader::{End, Reader, assert_farewell};
use crate::run::run;
use crate::scene::Scene;

in_each_form!(run; streams_end_one_after_the_other);

/// Each stream takes 5 ms of the window.
const STREAMS: usize = 60;

/// A machine that does not run the test for a whole window sees all ends at once. That does not happen in
/// every round.
const ROUNDS: usize = 10;

async fn streams_end_one_after_the_other(form: Form) {
    for _ in 0..ROUNDS {
        if ends_are_apart(form).await {
            return;
        }
    }
    panic!("the streams end together");
}

/// Stops a server whose streams tick, and returns whether some had several ticks more than others. The number
/// of ticks depends on the server alone, however late the client reads.
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

/// Reads a stream to its clean end, and returns its number of ticks.
async fn ticks(reader: &mut Reader) -> usize {
    let (rest, end) = reader.rest().await;
    assert_eq!(end, End::Clean);
    let rest = String::from_utf8(rest).expect("text");
    let (ticks, retry) = rest.split_at(rest.rfind("retry: ").expect("a retry"));
    assert_farewell(retry);
    ticks.matches("data: tick\n\n").count()
}
