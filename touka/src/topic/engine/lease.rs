//! [`Lease`], a topic that an engine delivers to this process.

use std::any::Any;
use std::fmt;

use crate::stream::drop_guarded;

/// A topic whose events an [`Engine`](super::Engine) delivers to this process. Dropping the lease ends the delivery.
///
/// The hub drops the lease when the topic is evicted from memory or has had no subscriber for some time, and that of a
/// removed topic when it has no handle any more, on any thread. A topic may be activated again before its last lease is
/// dropped: know deliveries by a number of their own, not by the name of the topic.
///
/// ```
/// use touka::topic::engine::Lease;
///
/// /// Ends a subscription to the store.
/// struct Unsubscribe(u64);
///
/// impl Drop for Unsubscribe {
///     fn drop(&mut self) {
///         println!("subscription {} has ended", self.0);
///     }
/// }
///
/// let lease = Lease::new(Unsubscribe(7));
/// # drop(lease);
/// ```
#[must_use = "dropping a lease ends the delivery"]
pub struct Lease(Option<Box<dyn Any + Send + Sync>>);

impl Lease {
    /// The lease of an engine that delivers nothing by itself.
    pub const fn none() -> Self {
        Self(None)
    }

    /// A lease that drops this guard when it ends. A panic of its destructor is logged.
    pub fn new(guard: impl Any + Send + Sync) -> Self {
        Self(Some(Box::new(guard)))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop_guarded(self.0.take());
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lease").field(&self.0.is_some()).finish()
    }
}
