//! What the `metrics` facade is told of a stream.

use std::collections::BTreeMap;
use std::convert::identity as ran;
use std::time::Instant;

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

use crate::app::ROUTE;
use crate::form::{Form, Leave};
use crate::run::run_here;
use crate::scene::{PATIENCE, Scene};

in_each_form!(ran; a_stream_is_counted_once, what_a_client_never_got_is_an_end_too);

/// What was recorded, by name and labels: the value of a counter or gauge, and how often a histogram was told
/// something.
struct Figures {
    snapshotter: Snapshotter,
    sums: BTreeMap<String, f64>,
}

impl Figures {
    /// The recorder forgets what it has shown, so this remembers.
    fn look(&mut self) {
        for (key, _, _, value) in self.snapshotter.snapshot().into_vec() {
            let labels = key.key().labels().map(|label| format!("{}={}", label.key(), label.value()));
            let mut labels: Vec<_> = labels.collect();
            labels.sort_unstable();
            let sum = self.sums.entry(format!("{} {}", key.key().name(), labels.join(" "))).or_default();
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            match value {
                DebugValue::Counter(value) => *sum += value as f64,
                DebugValue::Gauge(value) => *sum += value.0,
                DebugValue::Histogram(values) => *sum += values.len() as f64,
            }
        }
    }

    /// A figure of the streams' route.
    #[expect(clippy::cast_possible_truncation, reason = "small whole numbers")]
    fn get(&mut self, name: &str) -> i64 {
        self.look();
        self.sums.get(&format!("{name}route={ROUTE}")).copied().unwrap_or_default() as i64
    }

    /// Waits until a figure is what it must come to be.
    async fn comes_to(&mut self, name: &str, value: i64) {
        let start = Instant::now();
        while self.get(name) != value {
            assert!(start.elapsed() < PATIENCE, "{name} is not {value}: {:?}", self.sums);
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// How often streams have ended, for any reason.
    #[expect(clippy::cast_possible_truncation, reason = "a small whole number")]
    fn ends(&mut self) -> i64 {
        self.look();
        let ends = self.sums.iter().filter(|(name, _)| name.starts_with("touka_streams_closed_total"));
        ends.map(|(_, value)| value).sum::<f64>() as i64
    }
}

/// Runs on this thread alone, where the recorder is.
fn recorded<F: Future<Output = ()>>(promise: impl FnOnce(Figures) -> F) {
    let recorder = DebuggingRecorder::new();
    let figures = Figures { snapshotter: recorder.snapshotter(), sums: BTreeMap::new() };
    metrics::with_local_recorder(&recorder, || run_here(promise(figures)));
}

fn a_stream_is_counted_once(form: Form) {
    recorded(|mut figures| async move {
        let scene = Scene::new(form).await;
        let mut reader = scene.open_one_that_ends().await;
        figures.comes_to("touka_streams_open ", 1).await;
        assert_eq!(figures.get("touka_streams_opened_total "), 1);
        assert_eq!(figures.get("touka_first_event_seconds "), 0);
        for number in 0..10 {
            let wire = scene.emit(format!("{number}\nand another line")).await;
            reader.expects(&wire).await;
        }
        scene.end();
        reader.ends().await;
        figures.comes_to("touka_streams_closed_total reason=completed ", 1).await;
        assert_eq!(figures.ends(), 1);
        assert_eq!(figures.get("touka_streams_open "), 0);
        assert_eq!(figures.get("touka_streams_opened_total "), 1);
        assert_eq!(figures.get("touka_first_event_seconds "), 1);
        assert_eq!(figures.get("touka_stream_seconds "), 1);
        assert_eq!(figures.get("touka_events_total "), 10);
        assert_eq!(figures.get("touka_bytes_total "), i64::try_from(reader.read).expect("few"));
    });
}

/// A client that leaves, and one that its server ends.
fn what_a_client_never_got_is_an_end_too(form: Form) {
    recorded(|mut figures| async move {
        let mut scene = Scene::new(form).await;
        for turn in 1..=3 {
            let reader = scene.open().await;
            figures.comes_to("touka_streams_open ", 1).await;
            reader.leave(Leave::Close).await;
            figures.comes_to("touka_streams_closed_total reason=disconnected ", turn).await;
            assert_eq!(figures.get("touka_streams_open "), 0);
        }
        let mut reader = scene.open().await;
        scene.stop();
        reader.farewell().await;
        reader.leave(Leave::Close).await;
        scene.stopped().await;
        figures.comes_to("touka_streams_closed_total reason=shutdown ", 1).await;
        assert_eq!(figures.ends(), 4);
        assert_eq!(figures.get("touka_streams_open "), 0);
        assert_eq!(figures.get("touka_stream_seconds "), 4);
    });
}
