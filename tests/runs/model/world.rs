//! [`World`], the hubs of a scenario, and what must be true of their runs.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use touka::run::{Run, RunStatus};
use touka::testing::{TestCluster, TestNode};
use touka::topic::Cache;
use touka::{Emitter, Event, Hub};

use super::life::{GRACE, Life};
use super::step::{KEYS, Step};
use super::viewers::Viewer;

/// A small cache, so that viewers read from the engine.
pub(crate) const SMALL: Cache = Cache::new().events(2).bytes(100);

/// The time within which everything that is due happens: real time on a server, and paused time in memory.
pub(super) const SOON: Duration = Duration::from_mins(1);

/// The number of scenarios so far.
static SCENARIOS: AtomicUsize = AtomicUsize::new(0);

/// The hubs of a scenario and the lives of its keys.
pub(crate) struct World {
    pub(super) hubs: Vec<Hub>,
    /// Whether each starts no runs any more.
    pub(super) is_closing: Vec<bool>,
    pub(super) cluster: Option<TestCluster>,
    /// The nodes of the cluster that are alive.
    pub(super) nodes: Vec<Option<TestNode>>,
    /// Whether time passes as the scenario wants it.
    pub(super) is_timed: bool,
    /// The number of the scenario. Each has keys and owners of its own.
    pub(super) scenario: usize,
    /// The lives of each key, and whether the last one is forgotten.
    pub(super) lives: [(Vec<Life>, bool); 2],
    pub(super) viewers: Vec<Viewer>,
    /// The number of bodies so far.
    pub(super) numbers: usize,
}

pub(super) fn name(event: &Event) -> Option<&str> {
    event.as_event().map(touka::event::EventName::as_str)
}

impl World {
    /// Hubs on which time does not pass.
    pub(crate) fn of(hubs: &[Hub]) -> Self {
        let scenario = SCENARIOS.fetch_add(1, Ordering::Relaxed);
        Self {
            hubs: hubs.to_vec(),
            is_closing: vec![false; hubs.len()],
            cluster: None,
            nodes: Vec::new(),
            is_timed: false,
            scenario,
            lives: Default::default(),
            viewers: Vec::new(),
            numbers: 0,
        }
    }

    /// A hub in memory, in paused time.
    pub(crate) fn in_memory() -> Self {
        Self { is_timed: true, ..Self::of(&[Hub::memory()]) }
    }

    /// The nodes of a cluster, in paused time.
    pub(crate) fn of_nodes(count: usize) -> Self {
        let hubs: Vec<_> = (0..count).map(|_| Hub::memory()).collect();
        let cluster = TestCluster::new();
        let nodes = hubs.iter().map(|_| None).collect();
        let mut world = Self { is_timed: true, cluster: Some(cluster), nodes, ..Self::of(&hubs) };
        (0..count).for_each(|at| world.boot(at));
        world
    }

    /// The first node that is alive, from this one on.
    pub(super) fn alive(&self, node: usize) -> usize {
        let all = (0..self.hubs.len()).map(|more| (node + more) % self.hubs.len());
        let is_alive = |at: &usize| self.nodes.get(*at).is_none_or(Option::is_some);
        all.into_iter().find(is_alive).expect("a node that is alive")
    }

    pub(super) fn run(&self, node: usize, key: usize) -> Run {
        let (key, owner) = KEYS[key];
        let grace = if self.is_timed { GRACE } else { Duration::from_millis(50) };
        let hub = &self.hubs[self.alive(node)];
        let run = hub.run(format!("{}{key}", self.scenario)).expect("a key").stop_grace(grace);
        if let Some(owner) = owner { run.owner(format!("{}{owner}", self.scenario)) } else { run }
    }

    /// Whether a viewer watches the run of this key.
    pub(super) fn is_watched(&self, key: usize) -> bool {
        let number = self.lives[key].0.len().wrapping_sub(1);
        self.viewers.iter().any(|viewer| viewer.key == key && viewer.life == number)
    }

    /// Records that somebody has watched the run of this key.
    pub(super) fn visit(&mut self, key: usize) {
        if let Some(life) = self.life(key) {
            life.alone = Some(Instant::now());
        }
    }

    /// The life of a key that there is.
    pub(super) fn life(&mut self, key: usize) -> Option<&mut Life> {
        let (lives, is_forgotten) = &mut self.lives[key];
        if *is_forgotten { None } else { lives.last_mut() }
    }

    pub(super) async fn step(&mut self, step: Step) {
        if let Some((node, key)) = step.place() {
            self.observe(node, key).await;
        }
        match step {
            Step::Start { node, key, nature, limits } => self.start(node, key, nature, limits).await,
            Step::Pass(time) => sleep(time).await,
            Step::StopRuns { node } => self.stop_runs(node).await,
            Step::Crash { node, order, yields } => self.crash(node, order, yields).await,
            Step::Fall { node, key, yields } => self.fall(node, key, yields).await,
            Step::Boot { node } => self.boot(node),
            Step::Order { key, order } => self.order(key, order).await,
            Step::Follow { node, key, from } => self.follow(node, key, from).await,
            Step::Read { viewer, events } => {
                if let Some(at) = viewer.checked_rem(self.viewers.len()) {
                    self.observe(self.viewers[at].node, self.viewers[at].key).await;
                    self.read(at, events).await;
                }
            }
            Step::Leave { viewer } => {
                if let Some(at) = viewer.checked_rem(self.viewers.len()) {
                    let viewer = self.viewers.swap_remove(at);
                    if viewer.life + 1 == self.lives[viewer.key].0.len() {
                        self.visit(viewer.key);
                    }
                }
            }
            Step::Stop { node, key } => self.stop(node, key).await,
            Step::Wait { node, key } => {
                let run = self.run(node, key);
                match self.life(key).map(|life| life.end) {
                    None => assert!(run.wait().await.expect_err("an error").is_unknown()),
                    Some(Some((end, _))) => {
                        let ended = timeout(SOON, run.wait()).await.expect("an end");
                        assert_eq!(ended.expect("a run").as_str(), end);
                    }
                    Some(None) => {
                        assert_eq!(run.status().await.expect("a run"), RunStatus::Running);
                        let waits = timeout(Duration::from_millis(1), run.wait()).await;
                        assert!(waits.is_err(), "{waits:?}");
                        self.visit(key);
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
                    let error = begun.expect_err("an error");
                    assert!(
                        error.is_unknown() || self.is_closing[self.alive(node)] && error.is_shutting_down(),
                        "{error}"
                    );
                }
            }
        }
    }
}
