//! [`EngineKind`], the place where an engine keeps events.

/// The place where an engine keeps events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EngineKind {
    /// In the memory of this process: the log is all there is.
    Memory,
    /// In a file of this process. The log is a cache of the newest events.
    #[cfg(feature = "disk")]
    File,
    /// On a server that many nodes share, or by an engine that is plugged in. The log is a cache of the newest events.
    Shared,
}

impl EngineKind {
    /// Whether other nodes have access to the events.
    pub(crate) const fn is_shared(self) -> bool {
        match self {
            Self::Memory => false,
            #[cfg(feature = "disk")]
            Self::File => false,
            Self::Shared => true,
        }
    }
}
