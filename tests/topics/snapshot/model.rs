//! Pages against a model, at random: after any sequence of changes, trimming, stalls, cuts and restarts, each page that
//! comes back shows the server's state.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};
use touka::topic::{OnGap, OnLag, Retention};
use touka::{EventId, EventStream, Hub};

use super::cuts::{Page, Store};

const PAGES: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    Change {
        key: u8,
        value: Option<u8>,
        times: u8,
    },
    Retain(usize),
    /// A page connects with its id, or anew.
    Connect {
        page: usize,
        is_new: bool,
        on_lag: OnLag,
        max_lag: Option<u64>,
    },
    Read {
        page: usize,
        times: usize,
    },
    Cut(usize),
    /// From now on, a load takes this many polls before and after it reads the state.
    Slow(usize),
    Wait(u64),
    /// The server begins again with an empty log. The state stays.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let page = 0..PAGES;
    let on_lag = prop_oneof![Just(OnLag::Disconnect), Just(OnLag::Skip), Just(OnLag::Latest)];
    let connect = (page.clone(), prop::bool::weighted(0.2), on_lag, prop::option::of(0..4_u64));
    prop_oneof![
        8 => (0..4_u8, prop::option::weighted(0.7, any::<u8>()), 1..4_u8)
            .prop_map(|(key, value, times)| Step::Change { key, value, times }),
        1 => (1..6_usize).prop_map(Step::Retain),
        4 => connect.prop_map(|(page, is_new, on_lag, max_lag)| Step::Connect { page, is_new, on_lag, max_lag }),
        12 => (page.clone(), 1..8_usize).prop_map(|(page, times)| Step::Read { page, times }),
        2 => page.prop_map(Step::Cut),
        1 => (0..4_usize).prop_map(Step::Slow),
        1 => (0..40_u64).prop_map(Step::Wait),
        1 => Just(Step::Restart),
    ]
}

struct World {
    store: Store,
    pages: Vec<(Page, Option<EventStream>)>,
    slow: Arc<AtomicUsize>,
    runtime: Runtime,
}

fn hub(events: usize) -> Hub {
    Hub::builder().retention(Retention::new().events(events)).memory()
}

impl World {
    fn new() -> Self {
        let store = Store { hub: hub(3), values: Arc::default() };
        let pages = (0..PAGES).map(|_| (Page::default(), None)).collect();
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
        Self { store, pages, slow: Arc::default(), runtime }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Change { key, value, times } => {
                for time in 0..times {
                    let value = value.map(|value| value.wrapping_add(time).to_string());
                    self.runtime.block_on(self.store.change(&key.to_string(), value.as_deref()));
                }
            }
            Step::Retain(events) => self.store.topic().set_retention(Retention::new().events(events)),
            Step::Connect { page, is_new, on_lag, max_lag } => self.connect(page, is_new, on_lag, max_lag),
            Step::Read { page, times } => {
                for _ in 0..times {
                    self.read(page);
                }
            }
            Step::Cut(page) => self.pages[page].1 = None,
            Step::Slow(polls) => self.slow.store(polls, Ordering::Relaxed),
            Step::Wait(seconds) => self.wait(seconds),
            Step::Restart => {
                self.store.hub = hub(3);
                for (_, stream) in &mut self.pages {
                    *stream = None;
                }
            }
        }
    }

    fn wait(&self, seconds: u64) {
        self.runtime.block_on(tokio::time::advance(Duration::from_secs(seconds)));
    }

    fn connect(&mut self, page: usize, is_new: bool, on_lag: OnLag, max_lag: Option<u64>) {
        let (store, slow) = (self.store.clone(), Arc::clone(&self.slow));
        let (page, stream) = &mut self.pages[page];
        if is_new {
            *page = Page::default();
        }
        let load = async move || {
            let polls = slow.load(Ordering::Relaxed);
            for _ in 0..polls {
                tokio::task::yield_now().await;
            }
            let snapshot = store.snapshot();
            for _ in 0..polls {
                tokio::task::yield_now().await;
            }
            snapshot
        };
        let from = (!page.id.is_empty()).then(|| EventId::new(page.id.clone()).expect("an id"));
        let subscribe = self.store.topic().subscribe(from).on_lag(on_lag).on_gap(OnGap::snapshot(load).initial());
        let subscribe = match max_lag {
            Some(events) => subscribe.max_lag(events, u64::MAX),
            None => subscribe,
        };
        *stream = Some(self.runtime.block_on(async { subscribe.await }).expect("memory"));
    }

    /// Reads one event. Returns whether there was one.
    fn read(&mut self, page: usize) -> bool {
        let _entered = self.runtime.enter();
        let (page, stream) = &mut self.pages[page];
        match stream.as_mut().and_then(|stream| stream.next().now_or_never()) {
            None => false,
            Some(None) => {
                *stream = None;
                false
            }
            Some(Some(event)) => {
                if let Some(id) = event.as_id() {
                    page.id = id.to_string();
                }
                let name = event.as_event().map(ToString::to_string).unwrap_or_default();
                page.apply(&name, event.as_data().unwrap_or_default());
                true
            }
        }
    }

    /// Each page comes back, reads until there is no more, and shows the state.
    fn settle(&mut self) {
        self.slow.store(0, Ordering::Relaxed);
        for page in 0..PAGES {
            for _ in 0..3 {
                if self.pages[page].1.is_none() {
                    self.connect(page, false, OnLag::Disconnect, None);
                }
                // A poll without an event may have ended a load.
                for _ in 0..9 {
                    while self.read(page) {}
                }
                self.wait(31);
            }
            assert!(self.pages[page].1.is_some(), "the stream goes on");
            let values: BTreeMap<_, _> = self.store.values();
            assert_eq!(self.pages[page].0.shown, values, "page {page}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_page_shows_the_state_in_the_end(steps in prop::collection::vec(step(), 1..80)) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
        }
        world.settle();
    }
}
