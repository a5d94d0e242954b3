//! [`Disk`], the file in which a hub keeps its events.

use std::path::{Path, PathBuf};

/// The file in which a hub keeps its events, and its options. [`Hub::open`](crate::Hub::open) takes it. A path alone
/// converts to a `Disk` with the defaults.
///
/// ```no_run
/// use touka::Hub;
/// use touka::topic::{Disk, Durability};
///
/// # fn run() -> Result<(), touka::HubError> {
/// // Cursors on a shared page: there are many events, and losing the last ones does no harm.
/// let hub = Hub::open(Disk::new("cursors.touka").durability(Durability::Eventual))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Disk {
    pub(super) path: PathBuf,
    pub(super) durability: Durability,
    pub(super) compact: bool,
}

impl Disk {
    /// A file at this path. It is created if there is none; its folder must exist.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned(), durability: Durability::default(), compact: false }
    }

    /// Sets when a publish is acknowledged. By default that is when the event is on the disk.
    #[must_use]
    pub const fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Compacts the file when it is opened: the space of removed events is returned to the file system. By default it is
    /// kept and reused for new events.
    ///
    /// Opening takes longer then, up to the time that writing the whole file takes. A process that is killed meanwhile
    /// loses nothing.
    ///
    /// ```no_run
    /// use touka::Hub;
    /// use touka::topic::Disk;
    ///
    /// # fn run() -> Result<(), touka::HubError> {
    /// let hub = Hub::open(Disk::new("events.touka").compact())?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub const fn compact(mut self) -> Self {
        self.compact = true;
        self
    }
}

impl<P: AsRef<Path>> From<P> for Disk {
    fn from(path: P) -> Self {
        Self::new(path)
    }
}

/// When a publish to a hub on disk is acknowledged, and visible to subscribers.
///
/// Publishes that are queued at the same time share one `fsync`; a sequence of publishes pays for one each. Events of
/// 100 bytes that were published per second, on a virtual machine with two cores and an `fsync` of 0.2 to 3 ms:
///
/// | | one at a time | 64 at once |
/// |---|---|---|
/// | `Immediate` | 950 to 4,900 | 14,000 to 94,000 |
/// | `Eventual` | 17,000 to 25,000 | 150,000 to 210,000 |
///
/// On a disk with a slower `fsync`, the first line is lower in proportion. The second hardly changes.
///
/// ```no_run
/// use touka::Hub;
/// use touka::topic::{Disk, Durability};
///
/// # fn run() -> Result<(), touka::HubError> {
/// let hub = Hub::open(Disk::new("clicks.touka").durability(Durability::Eventual))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// When the event is on the disk: `fsync` has returned. Acknowledged events survive a crash of the process and of the
    /// machine.
    #[default]
    Immediate,
    /// At once. The event is on the disk a tenth of a second later. A process that is killed, or a machine that loses
    /// power, may lose the events of that time. Clients that have seen one of them get a gap event when they reconnect,
    /// with the reason `future` or `forked`. A process that drops its hub loses nothing.
    Eventual,
}
