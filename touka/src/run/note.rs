//! [`Note`], what the nodes of a hub tell each other in the log of a run.

use std::time::Duration;

use serde_json::{Value, json};

use crate::event::Event;
use crate::topic::unix_time;

/// A note in the log of a run. Clients get nothing of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// The run has begun. The first entry of each run.
    Start(Start),
    /// The run is to stop.
    Stop,
    /// A node that does not run the body has viewers, or has none any more.
    Viewers { node: u64, present: bool },
}

/// The facts about a run that all nodes know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Start {
    /// A random number, which tells this run from others that want to have its key.
    pub(super) nonce: u64,
    pub(super) owner: Option<String>,
    /// The time of the start, in milliseconds of Unix time.
    pub(super) at: u64,
    pub(super) keep_for: Duration,
    /// Whether the run is stopped when it has no viewers.
    pub(super) needs_viewers: bool,
    /// The last event of the run if its node dies, as on the wire. `None` for touka's own.
    pub(super) lost: Option<String>,
}

impl Note {
    pub(super) fn to_text(&self) -> String {
        match self {
            Self::Start(Start { nonce, owner, at, keep_for, needs_viewers, lost }) => {
                let keep_for = u64::try_from(keep_for.as_millis()).unwrap_or(u64::MAX);
                json!({
                    "run": "start",
                    "nonce": nonce,
                    "owner": owner,
                    "at": at,
                    "keep_for": keep_for,
                    "needs_viewers": needs_viewers,
                    "lost": lost,
                })
            }
            Self::Stop => json!({ "run": "stop" }),
            Self::Viewers { node, present } => json!({ "run": "viewers", "node": node, "present": present }),
        }
        .to_string()
    }

    /// Reads a note. `None` for other text.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let note: Value = serde_json::from_str(text).ok()?;
        match note["run"].as_str()? {
            "start" => Some(Self::Start(Start {
                nonce: note["nonce"].as_u64()?,
                owner: note["owner"].as_str().map(Into::into),
                at: note["at"].as_u64()?,
                keep_for: Duration::from_millis(note["keep_for"].as_u64()?),
                needs_viewers: note["needs_viewers"].as_bool()?,
                lost: note["lost"].as_str().map(Into::into),
            })),
            "stop" => Some(Self::Stop),
            "viewers" => Some(Self::Viewers { node: note["node"].as_u64()?, present: note["present"].as_bool()? }),
            _ => None,
        }
    }
}

impl Start {
    /// The time since the start, by the clock of this process.
    pub(super) fn age(&self) -> Duration {
        Duration::from_millis(unix_time().saturating_sub(self.at))
    }

    /// The event that ends the run if its node has died.
    pub(super) fn lost_event(&self) -> Option<Event> {
        self.lost.as_deref().map(|wire| Event::from_wire(wire.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_note_is_what_was_written(
            (nonce, at, millis, node) in any::<(u64, u64, u64, u64)>(),
            (needs_viewers, present) in any::<(bool, bool)>(),
            owner in prop::option::of(".{0,9}"),
            lost in prop::option::of(".{0,9}"),
        ) {
            let keep_for = Duration::from_millis(millis);
            let start = Note::Start(Start { nonce, owner, at, keep_for, needs_viewers, lost });
            for note in [start, Note::Stop, Note::Viewers { node, present }] {
                prop_assert_eq!(Note::parse(&note.to_text()), Some(note));
            }
        }

        #[test]
        fn other_text_is_no_note(text in ".{0,40}") {
            prop_assert_eq!(Note::parse(&text), None);
        }
    }
}
