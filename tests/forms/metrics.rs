//! What the `metrics` facade is told of a stream.

use std::convert::identity as ran;

use support::Figures;

use crate::app::ROUTE;
use crate::form::{Form, Leave};
use crate::run::run_here;
use crate::scene::Scene;

in_each_form!(ran; a_stream_is_counted_once, what_a_client_never_got_is_an_end_too);

/// Runs on this thread alone, where the recorder is.
fn recorded<F: Future<Output = ()>>(promise: impl FnOnce(Figures) -> F) {
    Figures::recorded(|figures| run_here(promise(figures)));
}

/// A figure of the streams' route.
fn of_route(name: &str) -> String {
    format!("{name} route={ROUTE}")
}

fn a_stream_is_counted_once(form: Form) {
    recorded(|mut figures| async move {
        let scene = Scene::new(form).await;
        let mut reader = scene.open_one_that_ends().await;
        figures.comes_to(&of_route("touka_streams_open"), 1).await;
        assert_eq!(figures.get(&of_route("touka_streams_opened_total")), 1);
        assert_eq!(figures.get(&of_route("touka_first_event_seconds")), 0);
        for number in 0..10 {
            let wire = scene.emit(format!("{number}\nand another line")).await;
            reader.expects(&wire).await;
        }
        scene.end();
        reader.ends().await;
        figures.comes_to(&of_route("touka_streams_closed_total reason=completed"), 1).await;
        assert_eq!(figures.sum("touka_streams_closed_total"), 1);
        assert_eq!(figures.get(&of_route("touka_streams_open")), 0);
        assert_eq!(figures.get(&of_route("touka_streams_opened_total")), 1);
        assert_eq!(figures.get(&of_route("touka_first_event_seconds")), 1);
        assert_eq!(figures.get(&of_route("touka_stream_seconds")), 1);
        assert_eq!(figures.get(&of_route("touka_events_total")), 10);
        assert_eq!(figures.get(&of_route("touka_bytes_total")), i64::try_from(reader.read).expect("few"));
    });
}

/// A client that leaves, and one that its server ends.
fn what_a_client_never_got_is_an_end_too(form: Form) {
    recorded(|mut figures| async move {
        let mut scene = Scene::new(form).await;
        for turn in 1..=3 {
            let reader = scene.open().await;
            figures.comes_to(&of_route("touka_streams_open"), 1).await;
            reader.leave(Leave::Close).await;
            figures.comes_to(&of_route("touka_streams_closed_total reason=disconnected"), turn).await;
            assert_eq!(figures.get(&of_route("touka_streams_open")), 0);
        }
        let mut reader = scene.open().await;
        scene.stop();
        reader.farewell().await;
        reader.leave(Leave::Close).await;
        scene.stopped().await;
        figures.comes_to(&of_route("touka_streams_closed_total reason=shutdown"), 1).await;
        assert_eq!(figures.sum("touka_streams_closed_total"), 4);
        assert_eq!(figures.get(&of_route("touka_streams_open")), 0);
        assert_eq!(figures.get(&of_route("touka_stream_seconds")), 4);
    });
}
