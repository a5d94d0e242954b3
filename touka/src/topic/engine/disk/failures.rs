//! [`Failures`], the topics that could not be read, and [`Holes`], the events that could not.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::disk_fault::DiskFault;

/// The time for which a failure is answered from memory. Reading the file again for each request would delay all other
/// topics.
pub(super) const FAILURE_TTL: Duration = Duration::from_secs(5);

/// Topics that could not be read, with the time until which they are not read again, and the error.
#[derive(Default)]
pub(super) struct Failures(HashMap<Arc<str>, (Instant, DiskFault)>);

impl Failures {
    /// Reads a topic, unless that has failed a moment ago.
    pub(super) fn read<R>(
        &mut self,
        name: &Arc<str>,
        read: impl FnOnce() -> Result<R, DiskFault>,
    ) -> Result<R, DiskFault> {
        let now = Instant::now();
        if let Some((until, fault)) = self.0.get(name)
            && now < *until
        {
            return Err(fault.clone());
        }
        read().inspect(|_| drop(self.0.remove(name))).inspect_err(|fault| {
            tracing::error!(target: "touka::topic", topic = &**name, "{fault:?}");
            self.0.retain(|_, (until, _)| now < *until);
            self.0.insert(Arc::clone(name), (now + FAILURE_TTL, fault.clone()));
        })
    }

    /// Forgets that a topic could not be read.
    pub(super) fn forget(&mut self, name: &str) {
        self.0.remove(name);
    }
}

/// The maximum number of damaged events that are remembered.
const MAX_HOLES: usize = 1024;

/// Damaged events that have been logged: each of them is logged once, though many clients may want it.
#[derive(Default)]
pub(super) struct Holes(RefCell<HashSet<(Box<str>, u64)>>);

impl Holes {
    /// Logs that these events of a topic cannot be read.
    pub(super) fn report(&self, topic: &str, offsets: RangeInclusive<u64>) {
        let (first, last) = offsets.into_inner();
        let mut known = self.0.borrow_mut();
        if known.len() >= MAX_HOLES {
            known.clear();
        }
        if known.insert((topic.into(), last)) {
            tracing::error!(
                target: "touka::topic",
                topic,
                first,
                last,
                "events with these offsets are damaged in the hub's file: clients that need them get a gap event, and all \
                 others are unaffected; to get them back, restore the file from a backup"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::topic::engine::disk::disk_fault::StoreError;

    #[test]
    fn a_topic_that_cannot_be_read_is_read_once() {
        let mut failures = Failures::default();
        let fault = || StoreError::Damaged("it".into()).of("cannot read", Path::new("file"));
        let names: [Arc<str>; 2] = ["bad".into(), "good".into()];
        let mut reads = 0;
        for _ in 0..3 {
            failures
                .read(&names[0], || {
                    reads += 1;
                    Err::<(), _>(fault())
                })
                .unwrap_err();
            failures.read(&names[1], || Ok(())).unwrap();
        }
        assert_eq!(reads, 1);
        failures.forget("bad");
        failures.read(&names[0], || Ok(())).unwrap();
    }
}
