//! Nodes that die and start, and what becomes of the runs there.

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use touka::run::{RunError, RunStatus};
use touka::testing::TestCluster;
use touka::{Event, EventStream, Hub};

use super::life::{LEASE, LOST, LOST_WITHIN, Life, SHUTDOWN};
use super::step::{KEYS, Limits, Nature, Order};
use super::viewers::{Viewer, text};
use super::world::{SMALL, SOON, World, name};

impl World {
    pub(super) fn start_node(&mut self, cluster: &TestCluster, at: usize) {
        let node = cluster.start_with(Hub::builder().cache(SMALL));
        self.hubs[at] = node.hub().clone();
        (self.nodes[at], self.is_closing[at]) = (Some(node), false);
    }

    pub(super) fn boot(&mut self, at: usize) {
        if let Some(cluster) = self.cluster.clone()
            && self.nodes[at].is_none()
        {
            self.start_node(&cluster, at);
        }
    }

    /// Ends a node while the bodies there obey an order.
    pub(super) async fn crash(&mut self, at: usize, order: Option<Order>, yields: usize) {
        let Some(node) = self.nodes[at].take() else { return };
        for (lives, _) in &self.lives {
            if let Some((life, order)) = lives.last().filter(|life| life.node == at && life.is_under_way()).zip(order) {
                life.orders.send(order).expect("a body that runs");
            }
        }
        for _ in 0..yields {
            yield_now().await;
        }
        node.crash();
        let died = Instant::now();
        if self.nodes.iter().all(Option::is_none) {
            self.boot(at);
        }
        sleep(Duration::from_millis(1)).await;
        let (gone, viewers) = std::mem::take(&mut self.viewers).into_iter().partition(|viewer| viewer.node == at);
        self.viewers = viewers;
        for key in 0..KEYS.len() {
            let number = self.lives[key].0.len().wrapping_sub(1);
            let of_life = |viewer: &&Viewer| viewer.key == key && viewer.life == number;
            let survivor = self.viewers.iter().find(of_life).map(|viewer| (viewer.node, died));
            let had_viewers = gone.iter().any(|viewer| of_life(&viewer));
            let Some(life) = self.life(key).filter(|life| life.end.is_none()) else { continue };
            if life.died.is_some() {
                life.asked = life.asked.filter(|(node, _)| *node != at).or(survivor);
            } else if life.node == at {
                (life.died, life.asked) = (Some(died), survivor);
                if let Some(order) = order {
                    self.find_out(key, order).await;
                }
            } else {
                life.is_haunted |= had_viewers;
            }
        }
        for viewer in gone {
            self.observe(0, viewer.key).await;
            self.read_rest(viewer).await;
        }
    }

    /// Finds out how much of an order a body has obeyed before its node has died.
    async fn find_out(&mut self, key: usize, order: Order) {
        let seen = self.seen(key).await;
        let node = self.alive(0);
        let Some(life) = self.life(key) else { return };
        life.asked.get_or_insert((node, Instant::now()));
        let (events, end) = life.after(order);
        let count = seen.iter().filter(|event| name(event).is_none()).count();
        assert!((life.events.len()..=events.len()).contains(&count), "{seen:?}");
        let texts: Vec<_> = seen[..count].iter().map(text).collect();
        assert_eq!(texts, events[..count]);
        life.events = texts;
        if let Some(last) = seen.get(count) {
            assert_eq!((seen.len(), name(last)), (count + 1, end.map(|(name, _)| name)));
            life.died = None;
            life.finish(end.expect("an end"));
        }
    }

    /// The events of a run that there are now.
    async fn seen(&self, key: usize) -> Vec<Event> {
        let mut stream: EventStream = self.run(0, key).follow(None).await.expect("a run");
        let mut seen = Vec::new();
        while let Ok(Some(event)) = timeout(Duration::from_millis(1), stream.next()).await {
            seen.extend(event.as_data().is_some().then_some(event));
        }
        seen
    }

    /// Starts a run on a node that dies meanwhile.
    pub(super) async fn fall(&mut self, at: usize, key: usize, yields: usize) {
        if self.life(key).is_some() || self.nodes[at].is_none() || self.is_closing[at] {
            return;
        }
        let (life, body) = self.conceive(at, Limits::NONE);
        let begun = tokio::spawn(self.run(at, key).start_or_join(body(Nature::Obeys { heeds: true })));
        self.crash(at, None, yields).await;
        // Its answer does not count: the process that would get it is dead.
        let _ = timeout(SOON, begun).await.expect("a decision").expect("no panic");
        match self.run(0, key).status().await {
            Err(error) => assert!(error.is_unknown(), "{error}"),
            Ok(status) => {
                assert_eq!(status, RunStatus::Running);
                let seen = self.seen(key).await;
                let asked = (self.alive(0), Instant::now());
                let events: Vec<_> = seen.iter().map(text).collect();
                assert!(events.len() < 2 && life.events.starts_with(&events), "{events:?}");
                let (died, asked) = (Some(asked.1), Some(asked));
                self.lives[key].0.push(Life { events, died, asked, ..life });
                self.lives[key].1 = false;
            }
        }
    }

    /// Asks for a run whose node has died. After the lease it must be lost.
    pub(super) async fn observe(&mut self, node: usize, key: usize) {
        let run = self.run(node, key);
        let node = self.alive(node);
        let Some(life) = self.life(key) else { return };
        let Some(died) = life.died.filter(|_| life.end.is_none()) else { return };
        let mut status = run.status().await;
        let asked = life.asked.get_or_insert((node, Instant::now())).1;
        let free = died + LEASE;
        let latest = free.max(asked) + LOST_WITHIN;
        if Instant::now() < free {
            assert_eq!(status.expect("a run"), RunStatus::Running);
            return;
        }
        if matches!(status, Ok(RunStatus::Running)) {
            assert!(Instant::now() < latest, "not lost {:?} after the death", died.elapsed());
            sleep_until(latest).await;
            status = run.status().await;
        }
        (life.end, life.ended) = (Some(LOST), (free, latest.min(Instant::now())));
        match status {
            Ok(status) => assert_eq!(status, RunStatus::Lost),
            Err(error) => {
                assert!(error.is_unknown() && life.is_expired() != Some(false), "{error}");
                self.lives[key].1 = true;
            }
        }
    }

    /// Stops all runs of a node, which starts none any more.
    pub(super) async fn stop_runs(&mut self, at: usize) {
        let at = self.alive(at);
        for (lives, _) in &mut self.lives {
            if let Some(life) = lives.last_mut().filter(|life| life.node == at && life.is_under_way()) {
                life.ask_to_stop(SHUTDOWN);
            }
        }
        self.is_closing[at] = true;
        assert!(timeout(SOON, self.hubs[at].stop_runs(Duration::from_secs(9))).await.expect("an end"));
        self.look().await;
        for (lives, _) in &self.lives {
            assert!(lives.last().is_none_or(|life| life.node != at || !life.is_under_way()), "a run goes on");
        }
    }

    /// Does what time has brought about, and waits while that is uncertain.
    pub(super) async fn look(&mut self) {
        if !self.is_timed {
            return;
        }
        sleep(Duration::from_millis(1)).await;
        for key in 0..KEYS.len() {
            loop {
                let is_watched = self.is_watched(key);
                let Some(life) = self.life(key) else { break };
                life.advance(is_watched);
                if !life.is_unsure() {
                    break;
                }
                sleep(Duration::from_millis(41)).await;
            }
            let run = self.run(0, key);
            let Some(life) = self.life(key) else { continue };
            let is_expired = match life.is_expired() {
                Some(is_expired) => is_expired,
                None => run.status().await.is_err_and(|error: RunError| error.is_unknown()),
            };
            self.lives[key].1 = is_expired;
        }
    }
}
