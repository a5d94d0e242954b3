//! Tests of [`TopicTable`].

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, advance};

use super::encoded::Draft;
use super::engine::EngineKind;
use super::event_keys::EventKeys;
use super::retention::Retention;
use super::topic_table::{HubSettings, Swept, TopicTable};
use crate::event::Event;

const EXPIRY: Duration = Duration::from_mins(10);

/// A topic that is read for long without a publish, and whose engine keeps the events.
#[tokio::test(start_paused = true)]
async fn old_events_of_a_topic_with_readers_leave_the_memory() {
    let retention = Retention::new().age(Duration::from_hours(1));
    let settings = HubSettings { retention, expiry: EXPIRY, ..HubSettings::default() };
    let mut table = TopicTable::new(EngineKind::Shared, Arc::default(), settings);
    let log = table.topic("a", &mut Swept::default()).unwrap();
    log.set_active(());
    log.lock().subscribers = 1;
    for _ in 0..3 {
        log.append(&Draft::of(Event::data("x")).unwrap(), EventKeys::default()).unwrap();
    }
    let mut sweep = |is_read: bool| {
        log.lock().subscribers = usize::from(is_read);
        table.sweep(Instant::now()).finish();
        (log.is_active(), log.lock().log.after(0).len())
    };
    advance(2 * EXPIRY).await;
    assert_eq!(sweep(true), (true, 3));
    advance(Duration::from_hours(1)).await;
    // The newest event stays.
    assert_eq!(sweep(true), (true, 1));
    advance(EXPIRY).await;
    assert_eq!(sweep(false), (false, 0));
}
