//! Starts, orders and stops.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use touka::response::StatusCode;
use touka::run::{Begun, OnDisconnect, RunError};
use touka::{Emitter, Event, EventStream};

use super::body::obey;
use super::life::{Life, STOPPED};
use super::step::{Limits, Nature, Order};
use super::world::{SOON, World};

/// A body of any nature.
type Body = Box<dyn FnOnce(Emitter) -> BoxFuture<'static, Result<(), StatusCode>> + Send>;

impl World {
    /// A life that may begin on this node, and its body.
    pub(super) fn conceive(&mut self, node: usize, limits: Limits) -> (Life, impl Fn(Nature) -> Body + Clone + use<>) {
        let (orders, taken) = mpsc::unbounded_channel();
        let taken = Arc::new(Mutex::new(Some(taken)));
        let (number, bodies) = (self.numbers, Arc::new(AtomicUsize::new(0)));
        self.numbers += 1;
        let now = Instant::now();
        let life = Life {
            events: vec![number.to_string()],
            ids: Vec::new(),
            end: None,
            ended: (now, now),
            orders,
            bodies: Arc::clone(&bodies),
            number,
            heeds: false,
            limits,
            node,
            begun: now,
            stop: None,
            alone: None,
            is_haunted: false,
            died: None,
            asked: None,
        };
        let body = move |nature: Nature| -> Body {
            let (bodies, taken) = (Arc::clone(&bodies), Arc::clone(&taken));
            Box::new(move |out| {
                Box::pin(async move {
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
                            obey(out, orders, number, heeds).await
                        }
                    }
                })
            })
        };
        (life, body)
    }

    pub(super) async fn start(&mut self, node: usize, key: usize, nature: Nature, limits: Limits) {
        let node = self.alive(node);
        let other = self.alive((node + 1) % self.hubs.len());
        let there = self.life(key).is_some();
        let is_closing = [self.is_closing[node], self.is_closing[other]];
        let (mut life, body) = self.conceive(node, limits);
        let most = if matches!(nature, Nature::Greedy) { 3 * 16 - 1 } else { usize::MAX };
        let start = |node: usize| {
            let leave = limits.patience.map_or(OnDisconnect::Keep, OnDisconnect::CancelAfter);
            let run = self.run(node, key).max_bytes(most).on_disconnect(leave);
            let begun = run.max_run(limits.max_run).keep_for(limits.keep_for).start_or_join(body(nature));
            async { timeout(SOON, begun).await.expect("a decision") }
        };
        let (one, two) = tokio::join!(start(node), start(other));
        let count = life.bodies.load(Ordering::SeqCst);
        if there {
            assert_eq!((one.expect("joined"), two.expect("joined"), count), (Begun::Joined, Begun::Joined, 0));
            return;
        }
        // A node that shuts down starts no run, and joins one that there is.
        let refuses = |begun: &Result<Begun, RunError>| begun.as_ref().is_err_and(RunError::is_shutting_down);
        for (begun, is_closing) in [(&one, is_closing[0]), (&two, is_closing[1])] {
            let is_right =
                if is_closing { refuses(begun) || matches!(begun, Ok(Begun::Joined)) } else { !refuses(begun) };
            assert!(is_right, "{begun:?} {is_closing}");
        }
        let starters = is_closing.iter().filter(|is_closing| !**is_closing).count();
        if let Nature::FailsFirst { .. } = nature {
            // Each may have its turn, since there is no run after the first one. Another node may have joined the run meanwhile.
            let joined = [&one, &two].into_iter().filter(|begun| matches!(begun, Ok(Begun::Joined))).count();
            let refused = [&one, &two].into_iter().filter(|begun| begun.is_err() && !refuses(begun)).count();
            assert!(refused == count && refused + joined >= starters, "{one:?} {two:?} {count}");
            assert!(joined == 0 || other != node, "{one:?} {two:?} {count}");
            assert!(self.run(other, key).status().await.expect_err("an error").is_unknown());
            return;
        }
        let started = [&one, &two].into_iter().filter(|begun| matches!(begun, Ok(Begun::Started))).count();
        assert!(started == count && count == starters.min(1), "{one:?} {two:?} {count}");
        if count == 0 {
            return;
        }
        if !matches!(one, Ok(Begun::Started)) {
            life.node = other;
        }
        match nature {
            Nature::Greedy => {
                life.events = vec!["12345678".to_owned(); 2];
                life.finish(("failed", "max_bytes"));
            }
            Nature::Obeys { heeds } => life.heeds = heeds,
            Nature::FailsFirst { .. } => {}
        }
        self.lives[key].1 = false;
        self.lives[key].0.push(life);
    }

    pub(super) async fn order(&mut self, key: usize, order: Order) {
        let Some(life) = self.life(key).filter(|life| life.is_under_way()) else { return };
        life.orders.send(order).expect("a body that runs");
        let (events, end) = life.after(order);
        life.events = events;
        if let Some(end) = end {
            life.finish(end);
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
        if self.is_timed {
            // Other nodes hear of a viewer that stays for a moment at least.
            sleep(Duration::from_millis(1)).await;
        }
        drop(stream);
        self.visit(key);
    }

    pub(super) async fn stop(&mut self, node: usize, key: usize) {
        let (run, is_timed) = (self.run(node, key), self.is_timed);
        let Some(life) = self.life(key) else {
            assert!(run.stop().await.expect_err("an error").is_unknown());
            return;
        };
        if life.end.is_some() {
            timeout(SOON, run.wait()).await.expect("an end").expect("a run");
            assert_eq!(run.stop().await.expect("stopped"), StatusCode::NO_CONTENT);
            return;
        }
        life.ask_to_stop(STOPPED);
        if !is_timed {
            life.finish(STOPPED);
        }
        assert_eq!(run.stop().await.expect("stopped"), StatusCode::ACCEPTED);
        assert!(run.stop().await.expect("stopped").is_success());
        if !is_timed {
            self.settle(key).await;
        }
    }
}
