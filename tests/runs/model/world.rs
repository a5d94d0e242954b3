//! [`World`], the hubs of a scenario, and what must be true of their runs.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::mpsc;
use tokio::time::timeout;
use touka::response::StatusCode;
use touka::run::{Begun, Run, RunStatus, stopping};
use touka::{Emitter, Event, EventId, EventStream, Hub};

use super::step::{KEYS, Nature, Order, Step};
use super::viewers::Viewer;

/// The time within which everything that is due happens: real time on a server, and paused time in memory.
pub(super) const SOON: Duration = Duration::from_mins(1);

/// The number of scenarios so far.
static SCENARIOS: AtomicUsize = AtomicUsize::new(0);

/// One life of a key.
#[derive(Debug)]
pub(super) struct Life {
    /// The data of its events.
    pub(super) events: Vec<String>,
    /// The name of its end, once that is due.
    pub(super) end: Option<&'static str>,
    pub(super) orders: mpsc::UnboundedSender<Order>,
    /// The number of bodies that were started for it.
    pub(super) bodies: Arc<AtomicUsize>,
    pub(super) heeds: bool,
    /// The ids that viewers have seen, each with the number of events up to it, the last event included.
    pub(super) ids: Vec<(EventId, usize)>,
}

pub(super) struct World<'a> {
    pub(super) hubs: &'a [Hub],
    /// The number of the scenario. Each has keys and owners of its own.
    pub(super) scenario: usize,
    /// The lives of each key, and whether the last one is forgotten.
    pub(super) lives: [(Vec<Life>, bool); 2],
    pub(super) viewers: Vec<Viewer>,
    pub(super) texts: usize,
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

pub(super) fn name(event: &Event) -> Option<&str> {
    event.as_event().map(touka::event::EventName::as_str)
}

fn is_over(life: &Life) -> bool {
    life.end.is_some()
}

impl<'a> World<'a> {
    pub(super) fn new(hubs: &'a [Hub]) -> Self {
        let scenario = SCENARIOS.fetch_add(1, Ordering::Relaxed);
        Self { hubs, scenario, lives: Default::default(), viewers: Vec::new(), texts: 0 }
    }

    pub(super) fn run(&self, node: usize, key: usize) -> Run {
        let (key, owner) = KEYS[key];
        let run = self.hubs[node]
            .run(format!("{}{key}", self.scenario))
            .expect("a key")
            .stop_grace(Duration::from_millis(50));
        if let Some(owner) = owner { run.owner(format!("{}{owner}", self.scenario)) } else { run }
    }

    /// The life of a key that there is.
    pub(super) fn life(&mut self, key: usize) -> Option<&mut Life> {
        let (lives, is_forgotten) = &mut self.lives[key];
        if *is_forgotten { None } else { lives.last_mut() }
    }

    pub(super) async fn step(&mut self, step: Step) {
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
                    None => assert!(run.wait().await.expect_err("an error").is_unknown()),
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
                    None => assert!(run.forget().await.expect_err("an error").is_unknown()),
                    Some(None) => assert!(run.forget().await.expect_err("an error").is_running()),
                    Some(Some(_)) => {
                        timeout(SOON, run.wait()).await.expect("an end").expect("a run");
                        run.forget().await.expect("forgotten");
                        self.lives[key].1 = true;
                        assert!(run.status().await.expect_err("an error").is_unknown());
                    }
                }
            }
            Step::Foreign { node, key } => {
                let run = self.run(node, key).owner("mallory");
                assert!(run.status().await.expect_err("an error").is_unknown());
                assert!(run.stop().await.expect_err("an error").is_unknown());
                assert!(run.forget().await.expect_err("an error").is_unknown());
                assert!(run.follow::<Event>(None).await.expect_err("an error").is_unknown());
                if self.life(key).is_some() {
                    let begun = run.start_or_join(|_: Emitter| async {}).await;
                    assert!(begun.expect_err("an error").is_unknown());
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
                        Nature::FailsFirst { panics: false } => Err(StatusCode::IM_A_TEAPOT),
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
            assert!(self.run(other, key).status().await.expect_err("an error").is_unknown());
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

    pub(super) async fn stop(&mut self, node: usize, key: usize) {
        let run = self.run(node, key);
        let Some(life) = self.life(key) else {
            assert!(run.stop().await.expect_err("an error").is_unknown());
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
}
