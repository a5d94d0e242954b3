//! Receiving what the server and other nodes send about a topic.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_nats::Message;

use super::node::Node;
use super::record::{Body, EndRecord, Record};
use super::subjects::LiveKind;
use crate::topic::engine::Applied;
use crate::topic::engine::shared::active::ActiveTopic;
use crate::topic::engine::shared::sync::request_sync;
use crate::topic::event_keys::EventKeys;
use crate::topic::position::{Mark, Position};
use crate::topic::stored::{Stored, unix_time};

impl Node {
    /// Handles a message about a topic.
    pub(super) fn receive(self: &Arc<Self>, topic: &Arc<ActiveTopic>, message: &Message) {
        // After a connection was lost, the numbers may fit although NATS has lost events: the log is compared first.
        if !self.is_prepared() {
            topic.doubt();
        }
        match self.subjects.kind(&message.subject) {
            Some(LiveKind::Record) => self.receive_record(topic, message),
            Some(LiveKind::End) => {
                let Some(EndRecord { epoch, end }) = EndRecord::parse(&message.payload) else { return };
                if topic.tail.head().is_some_and(|head| head.epoch == epoch) {
                    topic.tail.end_feed(end);
                } else {
                    // The log is of a topic that NATS has lost. It gets the end with the new one.
                    request_sync(self, topic);
                }
            }
            Some(LiveKind::LeadFree) => topic.is_lead_free.notify_waiters(),
            None => {}
        }
    }

    fn receive_record(self: &Arc<Self>, topic: &Arc<ActiveTopic>, message: &Message) {
        let (Some(sequence), Some(last)) = (header(message, "Nats-Sequence"), header(message, "Nats-Last-Sequence"))
        else {
            return;
        };
        self.highest.fetch_max(sequence, Ordering::AcqRel);
        let Some(record) = Record::parse(&message.payload) else {
            tracing::warn!(target: "touka::topic", subject = &*message.subject, "a message that is not an event is ignored");
            return;
        };
        let Some(head) = topic.tail.head() else { return };
        match record.body {
            Body::Root { removed: Some(removed) } if removed == head.epoch => topic.tail.remove(),
            Body::Root { .. } if record.epoch != head.epoch => {
                // The numbers of the events of another log may fit. If its stream was made anew, all topics have other logs.
                topic.doubt();
                self.epochs.clear();
                request_sync(self, topic);
            }
            Body::Root { .. } => {}
            // The sync that is due reads the event.
            Body::Event { .. } if !topic.is_in_step() => request_sync(self, topic),
            Body::Event { key, wire } => {
                // The epoch is that of the log: the event names the one that its publisher knew.
                let position = Position { epoch: head.epoch, mark: Mark { offset: sequence, tag: record.tag } };
                if topic.tail.has(position) {
                    return;
                }
                let unknown = Mark { offset: last, ..Mark::default() };
                let previous = if last == head.mark.offset { head.mark } else { unknown };
                let keys = EventKeys { key, once: None };
                // The age counts from the arrival: the message has no time of the server.
                match topic.tail.apply_one(Stored::new(position, previous, unix_time(), keys, wire)) {
                    Applied::Done | Applied::Gone => {}
                    Applied::Hole | Applied::Forked => request_sync(self, topic),
                }
            }
        }
    }
}

/// The number in a header.
fn header(message: &Message, name: &str) -> Option<u64> {
    message.headers.as_ref()?.get(name)?.as_str().parse().ok()
}
