//! [`Viewer`], and what it must see.

use futures_util::StreamExt as _;
use tokio::time::timeout;
use touka::response::StatusCode;
use touka::{Event, EventId, EventStream};

use super::step::From;
use super::world::{SOON, World, name};

/// A client that watches a run.
pub(super) struct Viewer {
    pub(super) stream: EventStream,
    pub(super) key: usize,
    /// The number of the life of its key.
    pub(super) life: usize,
    /// The number of events that it has seen, the last one included.
    pub(super) seen: usize,
}

impl World<'_> {
    pub(super) async fn follow(&mut self, node: usize, key: usize, from: From) {
        let run = self.run(node, key);
        let number = self.lives[key].0.len().wrapping_sub(1);
        let Some(life) = self.life(key) else {
            assert!(run.follow::<Event>(None).await.expect_err("an error").is_unknown());
            return;
        };
        let total = life.events.len();
        let (id, seen) = match from {
            From::Seen(at) if !life.ids.is_empty() => {
                let (id, seen) = life.ids[at % life.ids.len()].clone();
                (Some(id), seen)
            }
            From::Foreign => (Some(EventId::new("1.2.3.4").expect("an id")), 0),
            From::Nothing | From::Seen(_) => (None, 0),
        };
        let is_foreign = matches!(from, From::Foreign);
        let mut stream: EventStream = run.follow(id).await.expect("a run");
        if seen == total + 1 {
            assert_eq!(stream.into_response().status(), StatusCode::NO_CONTENT);
            return;
        }
        let opening = timeout(SOON, stream.next()).await.expect("an opening").expect("an opening");
        assert_eq!(name(&opening), is_foreign.then_some("gap"), "{opening}");
        self.viewers.push(Viewer { stream, key, life: number, seen });
        // A viewer that never reads must not disturb others, and eight are enough.
        if self.viewers.len() > 8 {
            drop(self.viewers.remove(0));
        }
    }

    /// A viewer reads some events of those that there are.
    pub(super) async fn read(&mut self, at: usize, events: usize) {
        let viewer = &mut self.viewers[at];
        let (lives, is_forgotten) = &mut self.lives[viewer.key];
        let is_last = viewer.life + 1 == lives.len();
        let life = &mut lives[viewer.life];
        if !is_last || *is_forgotten {
            // The end of a run that is forgotten: events may be missing after a gap, and none is doubled.
            let mut has_gap = false;
            while let Some(event) = timeout(SOON, viewer.stream.next()).await.expect("an end") {
                let Some(data) = event.as_data() else { continue };
                if name(&event) == Some("gap") {
                    has_gap = true;
                    continue;
                }
                let rest = life.events.get(viewer.seen..).unwrap_or_default();
                let skipped = match name(&event) {
                    None => {
                        rest.iter().position(|text| text == data).expect("an event of this run that is not seen yet")
                    }
                    end => {
                        assert_eq!(end, life.end, "{event}");
                        rest.len()
                    }
                };
                assert!(skipped == 0 || has_gap, "{event} comes after {skipped} events that do not");
                viewer.seen += skipped + 1;
            }
            self.viewers.swap_remove(at);
            return;
        }
        for _ in 0..events {
            let expected = life.events.get(viewer.seen).map(String::as_str);
            if expected.is_none() && (life.end.is_none() || viewer.seen > life.events.len()) {
                break;
            }
            let event = timeout(SOON, viewer.stream.next()).await.expect("an event").expect("a stream that goes on");
            match expected {
                Some(expected) => assert_eq!((name(&event), event.as_data()), (None, Some(expected))),
                None => assert_eq!(name(&event), life.end, "{event}"),
            }
            viewer.seen += 1;
            life.ids.push((event.as_id().expect("an id").clone(), viewer.seen));
        }
        if viewer.seen > life.events.len() {
            assert!(timeout(SOON, viewer.stream.next()).await.expect("the end of the stream").is_none());
            self.viewers.swap_remove(at);
        }
    }
}
