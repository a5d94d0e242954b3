//! [`Figures`], the metrics recorded on one thread.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

const PATIENCE: Duration = Duration::from_mins(1);

/// Recorded metrics by name and labels: the value of a counter or gauge, and the number of a histogram's
/// samples.
pub(crate) struct Figures {
    snapshotter: Snapshotter,
    sums: BTreeMap<String, f64>,
}

impl Figures {
    /// Runs `run` with a recorder for this thread only.
    pub(crate) fn recorded<T>(run: impl FnOnce(Self) -> T) -> T {
        let recorder = DebuggingRecorder::new();
        let figures = Self { snapshotter: recorder.snapshotter(), sums: BTreeMap::new() };
        ::metrics::with_local_recorder(&recorder, || run(figures))
    }

    /// All metrics: `name label=value label=value`, the labels in alphabetical order.
    pub(crate) fn all(&mut self) -> &BTreeMap<String, f64> {
        // A snapshot resets the recorder, so the sums are kept here.
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
        &self.sums
    }

    /// The current value of a metric; 0 if it was never recorded.
    #[expect(clippy::cast_possible_truncation, reason = "small whole numbers")]
    pub(crate) fn get(&mut self, figure: &str) -> i64 {
        self.all().get(figure).copied().unwrap_or_default() as i64
    }

    /// Waits until a metric has this value.
    pub(crate) async fn comes_to(&mut self, figure: &str, value: i64) {
        let start = Instant::now();
        while self.get(figure) != value {
            assert!(start.elapsed() < PATIENCE, "{figure} is not {value}: {:?}", self.sums);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
