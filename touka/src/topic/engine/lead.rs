//! [`Lead`], the right to run the feed of a topic.

use std::any::Any;
use std::fmt;
use std::future::pending;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::stream::drop_guarded;

/// The right to run the feed of a topic, which is the body of [`Topic::fed_by`](crate::Topic::fed_by). One process among
/// those that share an engine has it. Dropping it gives it up.
///
/// ```
/// use std::time::Duration;
/// use tokio::sync::watch;
/// use tokio::time::Instant;
/// use touka::topic::engine::{Lead, Standing};
///
/// // A task extends the right, and sends each new time. The guard ends the task and gives up the right.
/// let (extended, standing) = watch::channel(Standing::Until(Instant::now() + Duration::from_secs(8)));
/// let lead = Lead::new(standing, "node 7, request 12", extended);
/// assert_eq!(lead.holder(), "node 7, request 12");
/// ```
#[must_use = "dropping the right gives it up"]
pub struct Lead {
    /// `None` without a limit of time.
    standing: Option<watch::Receiver<Standing>>,
    holder: Arc<str>,
    guard: Option<Box<dyn Any + Send + Sync>>,
}

/// Whether a process has the right to run a feed: [`Lead`] has an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The process has it until this time, unless it is extended. Afterwards the body is not polled.
    ///
    /// Choose an earlier time than that at which the store gives the right to another process: clocks run at different
    /// speeds, and a publish of the body may be in flight.
    ///
    /// If the sender of the standing is dropped, the right is [`Lost`](Self::Lost) at this time. While there is a sender, the
    /// body waits for the next time: drop the sender, or send `Lost`, when the right will not be extended.
    Until(Instant),
    /// Another process has it, or may have it. The body is dropped, and the process [asks](super::Engine::lead) for the
    /// right again while it has subscribers.
    Lost,
}

impl Lead {
    /// The right of a process that shares its topics with no other one.
    pub fn sole() -> Self {
        Self { standing: None, holder: "".into(), guard: None }
    }

    /// A right without a limit of time, which the process has until `guard` is dropped: for example a lock that no other
    /// process can take from it. `holder` and `guard` are as for [`Lead::new`].
    pub fn held(holder: impl Into<Arc<str>>, guard: impl Any + Send + Sync) -> Self {
        Self { standing: None, holder: holder.into(), guard: Some(Box::new(guard)) }
    }

    /// A right with a limit of time, which the engine extends again and again until `guard` is dropped.
    ///
    /// `holder` is the name by which the engine knows this request for the right. Use another one for each request: a
    /// right may be given up late, and must not be taken from the next holder. A panic of the guard's destructor is logged.
    pub fn new(
        standing: watch::Receiver<Standing>,
        holder: impl Into<Arc<str>>,
        guard: impl Any + Send + Sync,
    ) -> Self {
        Self { standing: Some(standing), holder: holder.into(), guard: Some(Box::new(guard)) }
    }

    /// The name by which the engine knows the holder. Empty for [`Lead::sole`].
    pub fn holder(&self) -> &str {
        &self.holder
    }

    /// Whether the feed may run now.
    pub(crate) fn is_held(&self) -> bool {
        let Some(standing) = &self.standing else { return true };
        // A process that was suspended must not run a feed whose right has expired meanwhile.
        matches!(*standing.borrow(), Standing::Until(until) if Instant::now() < until)
    }

    /// Whether another process has the right, or may have it: its engine does not extend it any more, and its time is over.
    pub(crate) fn is_lost(&self) -> bool {
        let Some(standing) = &self.standing else { return false };
        let is_extended = standing.has_changed().is_ok();
        match *standing.borrow() {
            Standing::Lost => true,
            Standing::Until(until) => !is_extended && until <= Instant::now(),
        }
    }

    /// The changes from now on.
    pub(crate) fn changes(&self) -> LeadChanges {
        let mut standing = self.standing.clone();
        if let Some(standing) = &mut standing {
            standing.mark_unchanged();
        }
        LeadChanges(standing)
    }
}

/// The changes of a right.
#[derive(Debug)]
pub(crate) struct LeadChanges(Option<watch::Receiver<Standing>>);

impl LeadChanges {
    /// Waits until the right is extended or lost.
    pub(crate) async fn next(&mut self) {
        // There is no limit of time.
        let Some(standing) = &mut self.0 else { return pending().await };
        if standing.changed().await.is_ok() {
            return;
        }
        let last = *standing.borrow();
        match last {
            Standing::Until(until) => sleep_until(until).await,
            Standing::Lost => {}
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        drop_guarded(self.guard.take());
    }
}

impl fmt::Debug for Lead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lead").field(&self.is_held()).finish()
    }
}
