//! [`Faulty`], an engine over a [`Store`] that fails where a test says.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use touka::topic::engine::{
    Draft, Ended, Engine, EngineFuture, EngineTopic, Epoch, EventKeys, Lead, Lease, Position, Standing, Stored, Tag,
};
use touka::{CloseReason, Event, HubError};

use super::store::Store;

/// An engine over a store. Its operations on the topic "bad", and those without a topic, fail when a test says so.
#[derive(Clone)]
pub(super) struct Faulty {
    pub(super) store: Store,
    faults: Arc<Faults>,
}

struct Faults {
    fault: Mutex<Option<(&'static str, When)>>,
    /// The number of times that the engine has failed.
    struck: AtomicUsize,
    /// Whether activations wait.
    held: watch::Sender<bool>,
    /// The number of activations that wait, or have waited.
    activations: AtomicUsize,
    /// The number of activations that wait.
    waiting: AtomicUsize,
}

/// The moment at which an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// The method panics before it returns a future.
    Call,
    /// The future panics.
    Future,
    /// The future panics when it is dropped before it is ready.
    Drop,
    /// The future is an error.
    Error,
}

/// The time for which a process has the right to run a feed. It is not extended in a test.
pub(super) const RIGHT: Duration = Duration::from_hours(24);

impl Faulty {
    pub(super) fn new() -> Self {
        let faults = Faults {
            fault: Mutex::new(None),
            struck: AtomicUsize::new(0),
            held: watch::Sender::new(false),
            activations: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
        };
        Self { store: Store::default(), faults: Arc::new(faults) }
    }

    /// Lets a method fail from now on.
    pub(super) fn arm(&self, method: &'static str, when: When) {
        *self.faults.fault.lock().expect("no panic") = Some((method, when));
        self.faults.struck.store(0, Ordering::SeqCst);
    }

    pub(super) fn disarm(&self) {
        *self.faults.fault.lock().expect("no panic") = None;
    }

    pub(super) fn struck(&self) -> usize {
        self.faults.struck.load(Ordering::SeqCst)
    }

    /// Lets activations wait, or proceed.
    pub(super) fn hold(&self, held: bool) {
        self.faults.held.send_replace(held);
    }

    pub(super) fn activations(&self) -> usize {
        self.faults.activations.load(Ordering::SeqCst)
    }

    pub(super) fn waiting(&self) -> usize {
        self.faults.waiting.load(Ordering::SeqCst)
    }

    fn is_due(&self, method: &str, when: When, topic: &str) -> bool {
        let fault = *self.faults.fault.lock().expect("no panic");
        let is_due = fault == Some((method, when)) && matches!(topic, "bad" | "");
        if is_due {
            self.faults.struck.fetch_add(1, Ordering::SeqCst);
        }
        is_due
    }

    fn strike(&self, method: &str, when: When, topic: &str) {
        assert!(!self.is_due(method, when, topic), "{method} of {topic:?} panics on purpose: {when:?}");
    }

    /// Calls a method of the store, with the fault that is due.
    fn call<'a, T: Send + Unpin + 'a>(
        &'a self,
        method: &'static str,
        topic: &'a str,
        call: impl FnOnce() -> EngineFuture<'a, T>,
    ) -> EngineFuture<'a, T> {
        self.strike(method, When::Call, topic);
        let inner = call();
        EngineFuture::new(async move {
            let guard = PanicsWhenDropped { faulty: self, method, topic, is_done: false };
            tokio::task::yield_now().await;
            self.strike(method, When::Future, topic);
            let result = if self.is_due(method, When::Error, topic) {
                Err(HubError::unavailable(format!("{method} fails on purpose")))
            } else {
                inner.await
            };
            guard.done();
            result
        })
    }
}

struct PanicsWhenDropped<'a> {
    faulty: &'a Faulty,
    method: &'static str,
    topic: &'a str,
    is_done: bool,
}

impl PanicsWhenDropped<'_> {
    fn done(mut self) {
        self.is_done = true;
    }
}

impl Drop for PanicsWhenDropped<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            self.faulty.strike(self.method, When::Drop, self.topic);
        }
    }
}

/// Guard of a lease, or of a right to run a feed, whose destructor panics when that is due.
struct Guard<G> {
    faulty: Faulty,
    name: &'static str,
    topic: String,
    _inner: G,
}

impl<G> Drop for Guard<G> {
    fn drop(&mut self) {
        self.faulty.strike(self.name, When::Drop, &self.topic);
    }
}

struct Waiting<'a>(&'a Faults);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Engine for Faulty {
    fn activate<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, Lease> {
        let name = topic.name();
        self.call("activate", name, || {
            EngineFuture::new(async move {
                if name == "bad" {
                    self.faults.activations.fetch_add(1, Ordering::SeqCst);
                    self.faults.waiting.fetch_add(1, Ordering::SeqCst);
                    let _waiting = Waiting(&self.faults);
                    let mut held = self.faults.held.subscribe();
                    held.wait_for(|held| !held).await.expect("the engine lives");
                }
                let inner = self.store.activate(topic).await?;
                Ok(Lease::new(Guard { faulty: self.clone(), name: "lease", topic: name.to_owned(), _inner: inner }))
            })
        })
    }

    fn publish<'a>(&'a self, topic: EngineTopic<'a>, draft: Draft, keys: EventKeys<'a>) -> EngineFuture<'a, Position> {
        self.call("publish", topic.name(), || self.store.publish(topic, draft, keys))
    }

    fn remove<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, ()> {
        self.call("remove", topic.name(), || self.store.remove(topic))
    }

    fn before<'a>(
        &'a self,
        topic: EngineTopic<'a>,
        from: u64,
        until: u64,
        bytes: usize,
    ) -> EngineFuture<'a, Vec<Stored>> {
        self.call("before", topic.name(), || self.store.before(topic, from, until, bytes))
    }

    fn superseded<'a>(&'a self, topic: EngineTopic<'a>, from: u64, until: u64) -> EngineFuture<'a, Option<Tag>> {
        self.call("superseded", topic.name(), || self.store.superseded(topic, from, until))
    }

    fn refresh<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, ()> {
        self.call("refresh", topic.name(), || self.store.refresh(topic))
    }

    fn ensure_in_step<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, ()> {
        self.call("ensure_in_step", topic.name(), || self.store.ensure_in_step(topic))
    }

    fn has<'a>(&'a self, name: &'a str) -> EngineFuture<'a, bool> {
        self.call("has", "", || self.store.has(name))
    }

    fn name_of(&self, epoch: Epoch) -> EngineFuture<'_, Option<String>> {
        self.call("name_of", "", || self.store.name_of(epoch))
    }

    fn lead<'a>(&'a self, topic: EngineTopic<'a>) -> EngineFuture<'a, Lead> {
        let name = topic.name();
        self.call("lead", name, || {
            EngineFuture::new(async move {
                if self.is_due("lost", When::Error, name) {
                    assert!(self.struck() < 100, "the right is asked for all the time");
                    return Ok(Lead::new(watch::channel(Standing::Lost).1, "", ()));
                }
                let inner = self.store.lead(topic).await?;
                let holder = inner.holder().to_owned();
                let until = Standing::Until(Instant::now() + RIGHT);
                let (extended, standing) = watch::channel(until);
                let extended = Some(extended).filter(|_| !self.is_due("extend", When::Error, name));
                let (faulty, topic) = (self.clone(), name.to_owned());
                Ok(Lead::new(standing, holder, Guard { faulty, name: "right", topic, _inner: (inner, extended) }))
            })
        })
    }

    fn end_feed<'a>(
        &'a self,
        topic: EngineTopic<'a>,
        lead: &'a Lead,
        reason: CloseReason,
        last: Option<&'a Event>,
    ) -> EngineFuture<'a, Ended> {
        self.call("end_feed", topic.name(), || self.store.end_feed(topic, lead, reason, last))
    }

    fn is_ready(&self) -> bool {
        self.strike("is_ready", When::Call, "");
        true
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.strike("fmt", When::Call, "");
        f.write_str("Faulty")
    }
}
