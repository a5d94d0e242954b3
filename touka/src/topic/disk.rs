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
}

impl Disk {
    /// A file. It is made if there is none; its folder must be there.
    pub fn at(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned(), durability: Durability::default() }
    }

    /// Sets when a publish is acknowledged: by default, when the event is on the disk.
    #[must_use]
    pub const fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }
}

impl<P: AsRef<Path>> From<P> for Disk {
    fn from(path: P) -> Self {
        Self::at(path)
    }
}

/// When a publish to a hub on disk is acknowledged, and seen by subscribers.
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
