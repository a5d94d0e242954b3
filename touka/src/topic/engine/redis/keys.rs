//! [`Keys`], the names of keys and channels in Redis.

use std::fmt::Write as _;

use crate::topic::position::Epoch;

/// The names of a hub's keys and channels.
///
/// All keys of a topic, and its channel, have the same hash tag: its name. So they are on one shard of a cluster.
#[derive(Debug)]
pub(super) struct Keys {
    prefix: String,
    /// The number of the database, which is part of the channels: databases share them.
    database: i64,
}

impl Keys {
    pub(super) fn new(prefix: &str, database: i64) -> Self {
        Self { prefix: prefix.to_owned(), database }
    }

    /// The stream with the events of a topic.
    pub(super) fn events(&self, topic: &str) -> String {
        format!("{}:{{{}}}:events", self.prefix, escape(topic))
    }

    /// The hash with the state of a topic.
    pub(super) fn state(&self, topic: &str) -> String {
        format!("{}:{{{}}}:state", self.prefix, escape(topic))
    }

    /// The node that runs the feed of a topic.
    pub(super) fn lead(&self, topic: &str) -> String {
        format!("{}:{{{}}}:feed", self.prefix, escape(topic))
    }

    /// The record of a publish and its result.
    pub(super) fn record(&self, topic: &str, publish: &str) -> String {
        format!("{}:{{{}}}:publish:{publish}", self.prefix, escape(topic))
    }

    /// The channel on which the events of a topic are sent.
    pub(super) fn channel(&self, topic: &str) -> String {
        format!("{}/{}:{{{}}}", self.prefix, self.database, escape(topic))
    }

    /// The name of the topic with this epoch.
    pub(super) fn epoch(&self, epoch: Epoch) -> String {
        format!("{}:epoch:{}", self.prefix, epoch.bits())
    }

    /// The channel of a node's probes, with a hash tag if the server has not all slots.
    pub(super) fn probe(&self, node: u64, tag: Option<&str>) -> String {
        let tag = tag.map(|tag| format!(":{{{tag}}}")).unwrap_or_default();
        format!("{}/{}:node:{node:016x}{tag}", self.prefix, self.database)
    }
}

/// Escapes the characters that delimit a hash tag.
fn escape(topic: &str) -> String {
    let mut escaped = String::with_capacity(topic.len());
    for character in topic.chars() {
        match character {
            '%' | '{' | '}' => drop(write!(escaped, "%{:02X}", u32::from(character))),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_have_keys_of_their_own_with_their_hash_tag() {
        let keys = Keys::new("touka", 3);
        assert_eq!(keys.events("rooms/7"), "touka:{rooms/7}:events");
        assert_eq!(keys.channel("rooms/7"), "touka/3:{rooms/7}");
        assert_eq!(keys.probe(7, Some("12")), "touka/3:node:0000000000000007:{12}");
        assert_eq!(keys.state("}a%{"), "touka:{%7Da%25%7B}:state");
        assert_ne!(keys.state("%7D"), keys.state("}"));
    }
}
