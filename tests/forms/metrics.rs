//! Metrics of a stream, as recorded through the `metrics` facade.

use std::convert::identity as run_as_is;

use crate::app::ROUTE;
use crate::figures::Figures;
use crate::form::{Form, Leave};
use crate::run::run_here;
use crate::scene::Scene;

in_each_form!(run_as_is; a_stream_is_counted_once, an_unread_end_is_counted_too);

/// Runs on this thread only, where the recorder is installed.
fn recorded<F: Future<Output = ()>>(promise: impl FnOnce(Figures) -> F) {
    Figures::recorded(|figures| run_here(promise(figures)));
}

/// The number of streams that have ended, for any reason.
#[expect(clippy::cast_possible_truncation, reason = "a small whole number")]
fn ends(figures: &mut Figures) -> i64 {
    let all = figures.all().iter().filter(|(name, _)| name.starts_with("touka_streams_closed_total"));
    all.map(|(_, value)| value).sum::<f64>() as i64
}

/// A metric with the label of the streams' route.
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
        assert_eq!(ends(&mut figures), 1);
        assert_eq!(figures.get(&of_route("touka_streams_open")), 0);
        assert_eq!(figures.get(&of_route("touka_streams_opened_total")), 1);
        assert_eq!(figures.get(&of_route("touka_first_event_seconds")), 1);
        assert_eq!(figures.get(&of_route("touka_stream_seconds")), 1);
        assert_eq!(figures.get(&of_route("touka_events_total")), 10);
        assert_eq!(figures.get(&of_route("touka_bytes_total")), i64::try_from(reader.read).expect("few"));
    });
}

/// One client disconnects, and one stream is ended by its server.
fn an_unread_end_is_counted_too(form: Form) {
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
        assert_eq!(ends(&mut figures), 4);
        assert_eq!(figures.get(&of_route("touka_streams_open")), 0);
        assert_eq!(figures.get(&of_route("touka_stream_seconds")), 4);
    });
}
