//! [`Subjects`], the names of subjects and streams on NATS.

use std::fmt::Write as _;

use crate::topic::engine::shared::address::decode;
use crate::topic::position::Epoch;

/// The names of a hub's subjects and streams. The name of a topic is one token of a subject.
#[derive(Debug)]
pub(super) struct Subjects {
    prefix: String,
}

impl Subjects {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// The stream of events, of the ends of feeds, and of names.
    pub(super) fn stream(&self) -> String {
        self.prefix.clone()
    }

    /// The stream of the rights to run feeds.
    pub(super) fn leads_stream(&self) -> String {
        format!("{}-feeds", self.prefix)
    }

    /// The subjects of the stream.
    pub(super) fn of_stream(&self) -> [String; 4] {
        ["t", "r", "e", "n"].map(|kind| format!("{}.{kind}.>", self.prefix))
    }

    /// The subjects of the stream of rights.
    pub(super) fn of_leads(&self) -> String {
        format!("{}.f.>", self.prefix)
    }

    /// The pattern of the subjects whose messages the server sends to the nodes once they are stored, and of those that it
    /// sends them by.
    pub(super) fn republished(&self) -> (String, String) {
        (">".to_owned(), format!("{}.live.>", self.prefix))
    }

    /// The events of a topic.
    pub(super) fn events(&self, topic: &str) -> String {
        format!("{}.t.{}", self.prefix, token(topic))
    }

    /// The removals of a topic. Each is announced here before the root of the next log is written among the events, so that
    /// the newest root is found.
    pub(super) fn removals(&self, topic: &str) -> String {
        format!("{}.r.{}", self.prefix, token(topic))
    }

    /// The closings of a topic. Each is announced here before the last event is written among the others, so that it is found
    /// though others follow it. No topic has this subject for its removals: it has two tokens.
    pub(super) fn closings(&self, topic: &str) -> String {
        format!("{}.r.closed.{}", self.prefix, token(topic))
    }

    /// The removals and closings of all topics, as the server sends them to the nodes.
    pub(super) fn live_removals(&self) -> String {
        format!("{0}.live.{0}.r.>", self.prefix)
    }

    /// The ends of a topic's feeds.
    pub(super) fn ends(&self, topic: &str) -> String {
        format!("{}.e.{}", self.prefix, token(topic))
    }

    /// The right to run the feed of a topic.
    pub(super) fn lead(&self, topic: &str) -> String {
        format!("{}.f.{}", self.prefix, token(topic))
    }

    /// A record by which a node compares its clock with that of the server. No topic has this subject: it has two tokens.
    pub(super) fn clock(&self, node: u64) -> String {
        format!("{}.f.clock.{node:016x}", self.prefix)
    }

    /// The name of the topic with this epoch.
    pub(super) fn name(&self, epoch: Epoch) -> String {
        format!("{}.n.{}", self.prefix, epoch.bits())
    }

    /// The ids of events that were refused because the topic was closed.
    pub(super) fn refused(&self, topic: &str) -> String {
        format!("{}.n.refused.{}", self.prefix, token(topic))
    }

    /// All that the server and the nodes send about a topic.
    pub(super) fn live(&self, topic: &str) -> String {
        format!("{0}.live.{0}.*.{1}", self.prefix, token(topic))
    }

    /// The message that no node runs the feed of a topic.
    pub(super) fn lead_free(&self, topic: &str) -> String {
        format!("{0}.live.{0}.f.{1}", self.prefix, token(topic))
    }

    /// The kind of a subject of [`live`](Self::live).
    pub(super) fn kind(&self, live: &str) -> Option<LiveKind> {
        let rest = live.strip_prefix(&*self.prefix)?.strip_prefix(".live.")?.strip_prefix(&*self.prefix)?;
        match rest.as_bytes() {
            [b'.', b't', b'.', ..] => Some(LiveKind::Record),
            [b'.', b'e', b'.', ..] => Some(LiveKind::End),
            [b'.', b'f', b'.', ..] => Some(LiveKind::LeadFree),
            _ => None,
        }
    }

    /// The name of the topic of a subject that has it as its last token.
    pub(super) fn topic_of(subject: &str) -> Option<String> {
        decode(subject.rsplit('.').next()?)
    }

    /// The probes of a node.
    pub(super) fn probe(&self, node: u64) -> String {
        format!("{}.node.{node:016x}", self.prefix)
    }
}

/// The kind of a message about a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LiveKind {
    /// An event, or the root of a topic.
    Record,
    End,
    LeadFree,
}

/// The name of a topic as one token. Characters that have a meaning in subjects are percent-encoded.
pub(super) fn token(topic: &str) -> String {
    let mut token = String::with_capacity(topic.len());
    for byte in topic.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'/' | b':' | b'=') {
            token.push(char::from(byte));
        } else {
            let _ = write!(token, "%{byte:02X}");
        }
    }
    token
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_token() {
        let subjects = Subjects::new("touka");
        assert_eq!(subjects.events("rooms/7"), "touka.t.rooms/7");
        assert_eq!(subjects.events("a.b *>%\u{e4}\n"), "touka.t.a%2Eb%20%2A%3E%25%C3%A4%0A");
        assert_eq!(subjects.live("x"), "touka.live.touka.*.x");
        for name in ["a.b *>%\u{e4}\n", "\0", "%7B"] {
            for subject in [subjects.removals(name), subjects.closings(name)] {
                assert_eq!(Subjects::topic_of(&subject).as_deref(), Some(name));
            }
        }
    }

    #[test]
    fn the_kind_of_a_message_is_in_its_subject() {
        let subjects = Subjects::new("t");
        assert_eq!(subjects.kind("t.live.t.t.x"), Some(LiveKind::Record));
        assert_eq!(subjects.kind("t.live.t.e.x"), Some(LiveKind::End));
        assert_eq!(subjects.kind(&subjects.lead_free("x")), Some(LiveKind::LeadFree));
        assert_eq!(subjects.kind("t.live.other.t.x"), None);
        assert_eq!(subjects.kind(""), None);
    }
}
