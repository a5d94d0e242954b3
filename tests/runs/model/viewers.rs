//! [`Viewer`], and what it must see.

use futures_util::StreamExt as _;
use tokio::time::timeout;
use touka::response::StatusCode;
use touka::{Event, EventId, EventStream};

use super::life::End;
use super::step::From;
use super::world::{SOON, World, name};

/// A client that watches a run.
pub(super) struct Viewer {
    pub(super) stream: EventStream,
    pub(super) node: usize,
    pub(super) key: usize,
    /// The number of the life of its key.
    pub(super) life: usize,
    /// The number of events that it has seen, the last one included.
    pub(super) seen: usize,
}

pub(super) fn text(event: &Event) -> String {
    event.as_data().unwrap_or_default().to_owned()
}

impl World {
    pub(super) async fn follow(&mut self, node: usize, key: usize, from: From) {
        let run = self.run(node, key);
        let node = self.alive(node);
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
        self.visit(key);
        self.viewers.push(Viewer { stream, node, key, life: number, seen });
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
            let viewer = self.viewers.swap_remove(at);
            self.read_rest(viewer).await;
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
                None => assert_is_end(&event, life.end),
            }
            viewer.seen += 1;
            life.ids.push((event.as_id().expect("an id").clone(), viewer.seen));
        }
        if viewer.seen > life.events.len() {
            assert!(timeout(SOON, viewer.stream.next()).await.expect("the end of the stream").is_none());
            self.viewers.swap_remove(at);
        }
    }
    /// A viewer reads to the end of its stream, which has come because its run is forgotten, or its node has died. Events may
    /// be missing after a gap, and none is doubled.
    pub(super) async fn read_rest(&mut self, mut viewer: Viewer) {
        let life = &self.lives[viewer.key].0[viewer.life];
        let mut has_gap = false;
        while let Some(event) = timeout(SOON, viewer.stream.next()).await.expect("an end") {
            let Some(data) = event.as_data() else { continue };
            if name(&event) == Some("gap") {
                has_gap = true;
                continue;
            }
            let rest = life.events.get(viewer.seen..).unwrap_or_default();
            let skipped = if name(&event).is_none() {
                rest.iter().position(|text| text == data).expect("an event of this run that is not seen yet")
            } else {
                assert_is_end(&event, life.end);
                rest.len()
            };
            assert!(skipped == 0 || has_gap, "{event} comes after {skipped} events that do not");
            viewer.seen += skipped + 1;
        }
    }
}

fn assert_is_end(event: &Event, end: Option<End>) {
    let (expected, why) = end.expect("an end");
    assert!(name(event) == Some(expected) && text(event).contains(why), "{event}, not {end:?}");
}
