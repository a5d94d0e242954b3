//! Lives of runs at random, against a small model.
//!
//! The model knows what each body has emitted and how each run must end. It shares no code with the library: it is a list of
//! texts and an end for each life of a key.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use proptest::prelude::*;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use touka::response::StatusCode;
use touka::run::{Begun, Run, RunStatus, stopping};
use touka::{Emitter, Event, EventId, EventStream, Hub};

/// The keys, and their owners.
const KEYS: [(&str, Option<&str>); 2] = [("a", None), ("b", Some("alice"))];

/// The time within which everything that is due happens: real time on a server, and paused time in memory.
const SOON: Duration = Duration::from_secs(60);

static SCENARIOS: AtomicUsize = AtomicUsize::new(0);

/// One step of a scenario. `node` is one of the hubs.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Two starts at the same time.
    Start {
        node: usize,
        key: usize,
        nature: Nature,
    },
    Order {
        key: usize,
        order: Order,
    },
    Follow {
        node: usize,
        key: usize,
        from: From,
    },
    /// A viewer reads some events, or leaves.
    Read {
        viewer: usize,
        events: usize,
    },
    Leave {
        viewer: usize,
    },
    Stop {
        node: usize,
        key: usize,
    },
    Wait {
        node: usize,
        key: usize,
    },
    Forget {
        node: usize,
        key: usize,
    },
    Foreign {
        node: usize,
        key: usize,
    },
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Nature {
    /// Obeys orders and heeds a stop, or ignores it until it is dropped.
    Obeys { heeds: bool },
    /// Fails or panics before it has emitted anything.
    FailsFirst { panics: bool },
    /// Emits more than its run may have: the third event is too much.
    Greedy,
}

/// What a body is told to do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    Emit(usize),
    End,
    Fail,
    Panic,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum From {
    Nothing,
    /// The id of an event of this life that some viewer has seen.
    Seen(usize),
    Foreign,
}

pub(crate) fn steps(nodes: usize, most: usize) -> impl Strategy<Value = Vec<Step>> {
    let (node, key, viewer) = (0..nodes, 0..KEYS.len(), 0..8_usize);
    let nature = prop_oneof![
        6 => any::<bool>().prop_map(|heeds| Nature::Obeys { heeds }),
        1 => any::<bool>().prop_map(|panics| Nature::FailsFirst { panics }),
        1 => Just(Nature::Greedy),
    ];
    let order = prop_oneof![
        6 => (1..4_usize).prop_map(Order::Emit),
        1 => Just(Order::End),
        1 => Just(Order::Fail),
        1 => Just(Order::Panic),
    ];
    let from = prop_oneof![
        2 => Just(From::Nothing),
        3 => (0..20_usize).prop_map(From::Seen),
        1 => Just(From::Foreign),
    ];
    let step = prop_oneof![
        4 => (node.clone(), key.clone(), nature).prop_map(|(node, key, nature)| Step::Start { node, key, nature }),
        6 => (key.clone(), order).prop_map(|(key, order)| Step::Order { key, order }),
        4 => (node.clone(), key.clone(), from).prop_map(|(node, key, from)| Step::Follow { node, key, from }),
        3 => (viewer.clone(), 0..5_usize).prop_map(|(viewer, events)| Step::Read { viewer, events }),
        1 => viewer.prop_map(|viewer| Step::Leave { viewer }),
        1 => (node.clone(), key.clone()).prop_map(|(node, key)| Step::Stop { node, key }),
        1 => (node.clone(), key.clone()).prop_map(|(node, key)| Step::Wait { node, key }),
        1 => (node.clone(), key.clone()).prop_map(|(node, key)| Step::Forget { node, key }),
        1 => (node, key).prop_map(|(node, key)| Step::Foreign { node, key }),
    ];
    prop::collection::vec(step, 1..most)
}

/// One life of a key.
#[derive(Debug)]
struct Life {
    /// The data of its events.
    events: Vec<String>,
    /// The name of its end, once that is due.
    end: Option<&'static str>,
    orders: mpsc::UnboundedSender<Order>,
    /// The number of bodies that were started for it.
    bodies: Arc<AtomicUsize>,
    heeds: bool,
    /// The ids that viewers have seen, each with the number of events up to it, the last event included.
    ids: Vec<(EventId, usize)>,
}

struct Viewer {
    stream: EventStream,
    key: usize,
    /// The number of the life of its key.
    life: usize,
    /// The number of events that it has seen, the last one included.
    seen: usize,
}

struct World<'a> {
    hubs: &'a [Hub],
    /// The number of the scenario. Each has keys and owners of its own.
    scenario: usize,
    /// The lives of each key, and whether the last one is forgotten.
    lives: [(Vec<Life>, bool); 2],
    viewers: Vec<Viewer>,
    texts: usize,
}

/// The body of a life: obeys its orders.
async fn obey(out: Emitter, mut orders: mpsc::UnboundedReceiver<Order>, life: (usize, bool)) -> Result<(), StatusCode> {
    let (number, heeds) = life;
    let mut count = 0;
    loop {
        let stop = stopping();
        let mut next = pin!(orders.recv());
        let mut stop = pin!(async { if heeds { stop.await } else { pending().await } });
        let order = std::future::poll_fn(|cx| {
            use std::future::Future as _;
            if let std::task::Poll::Ready(order) = next.as_mut().poll(cx) {
                return std::task::Poll::Ready(order);
            }
            stop.as_mut().poll(cx).map(|()| None)
        });
        match order.await {
            Some(Order::Emit(events)) => {
                for _ in 0..events {
                    out.emit(Event::data(format!("{number}.{count}"))).await;
                    count += 1;
                }
            }
            Some(Order::End) | None => return Ok(()),
            Some(Order::Fail) => return Err(StatusCode::BAD_GATEWAY),
            Some(Order::Panic) => panic!("a body panics on purpose"),
        }
    }
}

fn name(event: &Event) -> Option<&str> {
    event.as_event().map(touka::event::EventName::as_str)
}

fn is_over(life: &Life) -> bool {
    life.end.is_some()
}

impl World<'_> {
    fn run(&self, node: usize, key: usize) -> Run {
        let (key, owner) = KEYS[key];
        let run = self.hubs[node]
            .run(format!("{}{key}", self.scenario))
            .expect("a key")
            .stop_grace(Duration::from_millis(50));
        if let Some(owner) = owner { run.owner(format!("{}{owner}", self.scenario)) } else { run }
    }

    /// The life of a key that there is.
    fn life(&mut self, key: usize) -> Option<&mut Life> {
        let (lives, is_forgotten) = &mut self.lives[key];
        if *is_forgotten { None } else { lives.last_mut() }
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Start { node, key, nature } => self.start(node, key, nature).await,
            Step::Order { key, order } => self.order(key, order).await,
            Step::Follow { node, key, from } => self.follow(node, key, from).await,
            Step::Read { viewer, events } => {
                if let Some(at) = viewer.checked_rem(self.viewers.len()) {
                    self.read(at, events).await;
                }
            }
            Step::Leave { viewer } => {
                if let Some(at) = viewer.checked_rem(self.viewers.len()) {
                    drop(self.viewers.swap_remove(at));
                }
            }
            Step::Stop { node, key } => self.stop(node, key).await,
            Step::Wait { node, key } => {
                let run = self.run(node, key);
                match self.life(key).map(|life| life.end) {
                    None => assert!(run.wait().await.unwrap_err().is_unknown()),
                    Some(Some(end)) => {
                        let ended = timeout(SOON, run.wait()).await.expect("an end");
                        assert_eq!(ended.expect("a run").as_str(), end);
                    }
                    Some(None) => {
                        assert_eq!(run.status().await.expect("a run"), RunStatus::Running);
                        let waits = timeout(Duration::from_millis(1), run.wait()).await;
                        assert!(waits.is_err(), "{waits:?}");
                    }
                }
            }
            Step::Forget { node, key } => {
                let run = self.run(node, key);
                match self.life(key).map(|life| life.end) {
                    None => assert!(run.forget().await.unwrap_err().is_unknown()),
                    Some(None) => assert!(run.forget().await.unwrap_err().is_running()),
                    Some(Some(_)) => {
                        timeout(SOON, run.wait()).await.expect("an end").expect("a run");
                        run.forget().await.expect("forgotten");
                        self.lives[key].1 = true;
                        assert!(run.status().await.unwrap_err().is_unknown());
                    }
                }
            }
            Step::Foreign { node, key } => {
                let run = self.run(node, key).owner("mallory");
                assert!(run.status().await.unwrap_err().is_unknown());
                assert!(run.stop().await.unwrap_err().is_unknown());
                assert!(run.forget().await.unwrap_err().is_unknown());
                assert!(run.follow::<Event>(None).await.unwrap_err().is_unknown());
                if self.life(key).is_some() {
                    let begun = run.start_or_join(|_: Emitter| async {}).await;
                    assert!(begun.unwrap_err().is_unknown());
                }
            }
        }
    }

    async fn start(&mut self, node: usize, key: usize, nature: Nature) {
        let bodies = Arc::new(AtomicUsize::new(0));
        let number = self.texts;
        self.texts += 1;
        let (orders, taken) = mpsc::unbounded_channel();
        let taken = Arc::new(std::sync::Mutex::new(Some(taken)));
        let most = if matches!(nature, Nature::Greedy) { 3 * 16 - 1 } else { usize::MAX };
        let start = |node: usize| {
            let run = self.run(node, key).max_bytes(most);
            let (bodies, taken) = (Arc::clone(&bodies), Arc::clone(&taken));
            async move {
                let body = move |out: Emitter| async move {
                    bodies.fetch_add(1, Ordering::SeqCst);
                    match nature {
                        Nature::FailsFirst { panics: true } => panic!("a body panics on purpose"),
                        Nature::FailsFirst { panics: false } => return Err(StatusCode::IM_A_TEAPOT),
                        Nature::Greedy => {
                            // Each has 16 bytes.
                            for _ in 0..5 {
                                out.emit(Event::data("12345678")).await;
                            }
                            pending().await
                        }
                        Nature::Obeys { heeds } => {
                            // Decides at once that it is a stream.
                            out.emit(Event::data(format!("{number}"))).await;
                            let orders = taken.lock().expect("no panic").take().expect("one body");
                            obey(out, orders, (number, heeds)).await
                        }
                    }
                };
                let begun = run.start_or_join(body);
                timeout(SOON, begun).await.expect("a decision")
            }
        };
        let other = (node + 1) % self.hubs.len();
        let there = self.lives[key].0.last().is_some_and(|_| !self.lives[key].1);
        let (one, two) = tokio::join!(start(node), start(other));
        let count = bodies.load(Ordering::SeqCst);
        if there {
            assert_eq!((one.expect("joined"), two.expect("joined"), count), (Begun::Joined, Begun::Joined, 0));
            return;
        }
        if let Nature::FailsFirst { .. } = nature {
            // Each may have its turn, since there is no run after the first one. Another node may have joined the run meanwhile.
            let joined = [&one, &two].into_iter().filter(|begun| matches!(begun, Ok(Begun::Joined))).count();
            let refused = [&one, &two].into_iter().filter(|begun| begun.is_err()).count();
            assert!(refused == count && refused + joined == 2, "{one:?} {two:?} {count}");
            assert!(joined == 0 || other != node, "{one:?} {two:?} {count}");
            assert!(self.run(other, key).status().await.unwrap_err().is_unknown());
            return;
        }
        let started = [&one, &two].into_iter().filter(|begun| matches!(begun, Ok(Begun::Started))).count();
        assert!(started == 1 && one.is_ok() && two.is_ok() && count == 1, "{one:?} {two:?} {count}");
        let (events, end, heeds) = match nature {
            Nature::Greedy => (vec!["12345678".to_owned(); 2], Some("failed"), false),
            Nature::Obeys { heeds } => (vec![number.to_string()], None, heeds),
            Nature::FailsFirst { .. } => return,
        };
        self.lives[key].1 = false;
        self.lives[key].0.push(Life { events, end, orders, bodies, heeds, ids: Vec::new() });
    }

    async fn order(&mut self, key: usize, order: Order) {
        let number = self.lives[key].0.last().map(|life| life.events[0].clone());
        let Some(life) = self.life(key) else { return };
        if is_over(life) {
            return;
        }
        life.orders.send(order).expect("a body that runs");
        match order {
            Order::Emit(events) => {
                for _ in 0..events {
                    let count = life.events.len() - 1;
                    life.events.push(format!("{}.{count}", number.as_deref().unwrap_or_default()));
                }
            }
            Order::End => life.end = Some("done"),
            Order::Fail | Order::Panic => life.end = Some("failed"),
        }
        self.settle(key).await;
    }

    /// Waits until the run has done what it was told.
    async fn settle(&mut self, key: usize) {
        let run = self.run(0, key);
        let Some(life) = self.life(key) else { return };
        if life.end.is_some() {
            timeout(SOON, run.wait()).await.expect("an end").expect("a run");
        }
        let expected = life.events.len() + usize::from(life.end.is_some());
        let mut stream: EventStream = run.follow(None).await.expect("a run");
        let mut count = 0;
        while count < expected {
            let event = timeout(SOON, stream.next()).await.expect("an event").expect("a stream that goes on");
            count += usize::from(event.as_data().is_some());
        }
    }

    async fn stop(&mut self, node: usize, key: usize) {
        let run = self.run(node, key);
        let Some(life) = self.life(key) else {
            assert!(run.stop().await.unwrap_err().is_unknown());
            return;
        };
        if is_over(life) {
            timeout(SOON, run.wait()).await.expect("an end").expect("a run");
            assert_eq!(run.stop().await.expect("stopped"), StatusCode::NO_CONTENT);
            return;
        }
        let _ = life.heeds;
        life.end = Some("cancelled");
        assert_eq!(run.stop().await.expect("stopped"), StatusCode::ACCEPTED);
        assert!(run.stop().await.expect("stopped").is_success());
        self.settle(key).await;
    }

    async fn follow(&mut self, node: usize, key: usize, from: From) {
        let run = self.run(node, key);
        let number = self.lives[key].0.len().wrapping_sub(1);
        let Some(life) = self.life(key) else {
            assert!(run.follow::<Event>(None).await.unwrap_err().is_unknown());
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
    async fn read(&mut self, at: usize, events: usize) {
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

/// Takes the steps, stops all runs, and reads all streams to their ends.
pub(crate) async fn check(hubs: &[Hub], steps: Vec<Step>) {
    let mut world = World {
        hubs,
        scenario: SCENARIOS.fetch_add(1, Ordering::Relaxed),
        lives: Default::default(),
        viewers: Vec::new(),
        texts: 0,
    };
    for step in steps {
        world.step(step).await;
    }
    for key in 0..KEYS.len() {
        world.stop(0, key).await;
        for node in 0..hubs.len() {
            world.follow(node, key, From::Nothing).await;
        }
    }
    while !world.viewers.is_empty() {
        world.read(0, usize::MAX).await;
    }
    for (key, (name, owner)) in KEYS.into_iter().enumerate() {
        let life = world.life(key).map(|life| (life.end, life.bodies.load(Ordering::SeqCst)));
        if let (Some((end, bodies)), Some(owner)) = (life, owner) {
            assert_eq!(bodies, 1);
            for hub in hubs {
                let runs = hub.runs(format!("{}{owner}", world.scenario)).await.expect("a list");
                let runs: Vec<_> = runs.iter().map(|run| (run.key(), Some(run.status().as_str()))).collect();
                assert_eq!(runs, [(&*format!("{}{name}", world.scenario), end)]);
            }
        }
        // All keys can be used again.
        if world.life(key).is_some() {
            world.run(0, key).forget().await.expect("forgotten");
        }
    }
    sleep(Duration::from_millis(1)).await;
}
