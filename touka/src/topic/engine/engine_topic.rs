//! [`EngineTopic`], a topic as the operations of an engine get it.

use std::fmt;
use std::sync::Arc;

use super::tail::Tail;
use crate::topic::epoch_index::EpochIndex;
use crate::topic::position::Position;
use crate::topic::retention::Retention;
use crate::topic::shared_log::SharedLog;

/// A topic of a hub, as the operations of an [`Engine`](super::Engine) get it.
#[derive(Clone, Copy)]
pub struct EngineTopic<'a> {
    pub(super) log: &'a Arc<SharedLog>,
    pub(super) epochs: &'a Arc<EpochIndex>,
}

impl<'a> EngineTopic<'a> {
    /// The name of the topic: 1 to 255 bytes, with any characters.
    pub fn name(&self) -> &'a str {
        self.log.name()
    }

    /// The end of the topic's log, where the engine appends events.
    pub fn tail(&self) -> Tail {
        Tail::new(self.log, self.epochs)
    }

    /// Whether the topic is active: its log has the newest events, and new ones are to be applied to its tail.
    pub fn is_active(&self) -> bool {
        self.log.is_active()
    }

    /// Whether the hub has removed the topic. Then nothing may be published to it.
    pub fn is_removed(&self) -> bool {
        self.log.is_removed()
    }

    /// How much of the topic the engine keeps.
    pub fn retention(&self) -> Retention {
        self.log.lock().log.retention()
    }

    /// The position of an event that the engine has, or had: the newest one that this process knows. `None` if it knows
    /// none.
    ///
    /// A publish that is sent again, because no answer came, may find the event of its first attempt: only among the events
    /// after the position that was known before that attempt. An engine need not use it.
    pub fn known_position(&self) -> Option<Position> {
        self.log.known_position()
    }

    /// Records the position of an event that this process has published, for [`EngineTopic::known_position`].
    pub fn set_known_position(&self, position: Position) {
        self.log.set_known_position(position);
    }
}

impl fmt::Debug for EngineTopic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EngineTopic").field(&self.name()).finish()
    }
}
