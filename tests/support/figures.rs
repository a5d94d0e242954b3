//! [`Figures`], what the `metrics` facade was told on one thread.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

const PATIENCE: Duration = Duration::from_mins(1);

/// What was recorded, by name and labels: the value of a counter or gauge, and how often a histogram was told
/// something.
#[allow(missing_debug_implementations, reason = "the recorder's has none")]
pub struct Figures {
    snapshotter: Snapshotter,
    sums: BTreeMap<String, f64>,
}

impl Figures {
    /// Runs this with a recorder that is this thread's alone.
    pub fn recorded<T>(run: impl FnOnce(Self) -> T) -> T {
        let recorder = DebuggingRecorder::new();
        let figures = Self { snapshotter: recorder.snapshotter(), sums: BTreeMap::new() };
        metrics::with_local_recorder(&recorder, || run(figures))
    }

    /// All figures: `name label=value label=value`, the labels in alphabetical order.
    pub fn all(&mut self) -> &BTreeMap<String, f64> {
        // The recorder forgets what it has shown, so this remembers.
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

    /// What a figure is now; 0 for one that was never told.
    #[expect(clippy::cast_possible_truncation, reason = "small whole numbers")]
    pub fn get(&mut self, figure: &str) -> i64 {
        self.all().get(figure).copied().unwrap_or_default() as i64
    }

    /// The sum of all figures whose names begin with this.
    #[expect(clippy::cast_possible_truncation, reason = "small whole numbers")]
    pub fn sum(&mut self, start: &str) -> i64 {
        self.all().iter().filter(|(name, _)| name.starts_with(start)).map(|(_, value)| value).sum::<f64>() as i64
    }

    /// Waits until a figure is what it must come to be.
    pub async fn comes_to(&mut self, figure: &str, value: i64) {
        let start = Instant::now();
        while self.get(figure) != value {
            assert!(start.elapsed() < PATIENCE, "{figure} is not {value}: {:?}", self.sums);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
