//! [`Disk`], where a hub keeps its events so that they survive it.

use std::path::{Path, PathBuf};

/// The file in which a hub keeps its events, and how surely: what [`Hub::open`](crate::Hub::open)
/// takes. A path alone is a `Disk` with the defaults.
///
/// ```no_run
/// use touka::Hub;
/// use touka::topic::{Disk, Durability};
///
/// # fn run() -> Result<(), touka::topic::HubError> {
/// // Cursors on a shared page: many a second, and none that would be missed for long.
/// let hub = Hub::open(Disk::at("cursors.touka").durability(Durability::Eventual))?;
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
    /// A file. It is made if there is none; its folder must be there.
    pub fn at(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned(), durability: Durability::default(), compact: false }
    }

    /// Sets when a publish is acknowledged: by default, when the event is on the disk.
    #[must_use]
    pub const fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Makes the file smaller when it is opened: the space of events that were forgotten is given back
    /// to the file system. By default it is kept, and used again for new events.
    ///
    /// Opening the file takes longer then, up to the time that it takes to write all of it. A process
    /// that is killed meanwhile loses nothing.
    ///
    /// ```no_run
    /// use touka::Hub;
    /// use touka::topic::Disk;
    ///
    /// # fn run() -> Result<(), touka::topic::HubError> {
    /// let hub = Hub::open(Disk::at("events.touka").compact())?;
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
        Self::at(path)
    }
}

/// When a publish to a hub on disk is acknowledged, and seen by subscribers.
///
/// What waits for the disk is written together, so that one who publishes after the other pays for
/// each `fsync`, and many who publish at once share it. Of events of 100 bytes, on a virtual machine
/// of two cores whose `fsync` took from 0.2 to 3 ms, so many were published a second:
///
/// | | one at a time | 64 at once |
/// |---|---|---|
/// | `Immediate` | 950 to 4,900 | 14,000 to 94,000 |
/// | `Eventual` | 17,000 to 25,000 | 150,000 to 210,000 |
///
/// A disk that is slower to sync lowers the first line in proportion, and hardly the second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// When the disk has it: `fsync` has returned. What was acknowledged survives the end of the
    /// process, in whatever way it ends, and of the machine.
    #[default]
    Immediate,
    /// At once; the disk has it a tenth of a second later. A process that is killed, or a machine
    /// that loses its power, may lose that last moment. Clients that have seen something of it are
    /// told when they come back, by a gap event whose reason is `future` or `forked`. A process
    /// that drops its hub loses nothing.
    Eventual,
}
