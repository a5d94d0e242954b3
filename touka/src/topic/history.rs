//! [`History`], events that a log does not have any more, as its engine returns them for one reader.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use std::vec;

use super::engine::HubEngine;
use super::error::HubError;
use super::log::Log;
use super::pause::pause;
use super::position::Mark;
use super::shared_log::SharedLog;
use super::stored::Stored;

/// The maximum size of a page in bytes, unless its only event is larger.
const PAGE_BYTES: usize = 64 * 1024;

/// The time before a page is requested again after a failure. It doubles with each failure up to [`MAX_RETRY`].
const RETRY: Duration = Duration::from_millis(200);
const MAX_RETRY: Duration = Duration::from_secs(5);

/// A page of events from before a log's tail, and the request for the next one.
pub(super) struct History {
    page: vec::IntoIter<OldEvent>,
    /// The number of times that the events of the log had been replaced when the page was requested. Later the page may
    /// have events that the engine has lost.
    resets: u64,
    /// The offset up to which the page has all events that the engine has.
    until: u64,
    /// See [`Page::spared`].
    spared: Option<Mark>,
    request: Option<Pin<Box<dyn Future<Output = Option<Page>> + Send>>>,
}

/// Events that the engine has returned.
#[derive(Default)]
pub(super) struct Page {
    pub(super) events: Vec<Stored>,
    /// The offset up to which all events were requested. There may be more of them if there is at least one.
    pub(super) until: u64,
    /// The mark after which the page begins for a reader of the newest event of each key: those between are superseded.
    pub(super) spared: Option<Mark>,
}

/// An event of a page.
pub(super) struct OldEvent {
    pub(super) stored: Stored,
    /// See [`Page::spared`].
    pub(super) spared: Option<Mark>,
    /// The offset of the next event with the same key, if the page has it.
    pub(super) superseded_by: Option<u64>,
}

impl History {
    /// A history without events.
    pub(super) fn empty(resets: u64) -> Self {
        Self::new(Page::default(), resets)
    }

    pub(super) fn new(page: Page, resets: u64) -> Self {
        let mut newest: HashMap<Arc<str>, u64> = HashMap::new();
        let old_event = |stored: Stored| {
            let key = stored.keys.key.clone();
            let superseded_by = key.and_then(|key| newest.insert(key, stored.mark().offset));
            OldEvent { stored, spared: None, superseded_by }
        };
        let Page { events, until, spared } = page;
        let mut events: Vec<_> = events.into_iter().rev().map(old_event).collect();
        events.reverse();
        if let Some(first) = events.first_mut() {
            first.spared = spared;
        }
        Self { page: events.into_iter(), resets, until, spared, request: None }
    }

    /// Whether the log still has the events that it had when the page was requested.
    pub(super) fn is_of(&self, log: &Log) -> bool {
        self.resets == log.version().resets
    }

    /// The next event of the page.
    pub(super) fn peek(&self) -> Option<&OldEvent> {
        self.page.as_slice().first()
    }

    /// The number of events of the page that are not read yet.
    pub(super) fn ready(&self) -> u64 {
        self.page.len() as u64
    }

    /// The offset up to which the engine has no event, if the page is empty, and [`Page::spared`].
    pub(super) fn empty_until(&self) -> Option<(u64, Option<Mark>)> {
        self.peek().is_none().then_some((self.until, self.spared))
    }

    /// Moves past the next event of the page.
    pub(super) fn advance(&mut self) {
        self.page.next();
    }

    /// Requests the next page, for a reader that has seen the event at this offset, unless it is requested already. With
    /// `latest`, the reader wants the newest event of each key. Ready once the page has arrived: with false if it never will.
    pub(super) fn poll_page(
        &mut self,
        engine: &Arc<HubEngine>,
        log: &Arc<SharedLog>,
        (from, latest): (u64, bool),
        waker: &Waker,
    ) -> Poll<bool> {
        let request = self.request.get_or_insert_with(|| {
            let (engine, log) = (Arc::clone(engine), Arc::clone(log));
            Box::pin(async move { request(&engine, &log, from, latest).await })
        });
        let Poll::Ready(page) = request.as_mut().poll(&mut Context::from_waker(waker)) else { return Poll::Pending };
        let has_arrived = page.is_some();
        *self = Self::new(page.unwrap_or_default(), self.resets);
        Poll::Ready(has_arrived)
    }
}

/// Reads a page, and retries while the engine cannot be read. `None` if the hub is closed meanwhile: its streams end.
async fn request(engine: &HubEngine, log: &Arc<SharedLog>, from: u64, latest: bool) -> Option<Page> {
    let mut retry = RETRY;
    loop {
        match page_or_news(engine, log, from, latest).await {
            Ok(page) => return Some(page),
            Err(_) if log.lock().log.is_closed() => return None,
            Err(error) => {
                tracing::warn!(target: "touka::topic", topic = log.name(), ?error, "a reader waits for older events");
            }
        }
        pause(retry).await;
        retry = (retry * 2).min(MAX_RETRY);
    }
}

/// Reads a page. If there is none, brings the log in step with the engine, which may have lost what the log has.
async fn page_or_news(engine: &HubEngine, log: &Arc<SharedLog>, from: u64, latest: bool) -> Result<Page, HubError> {
    let page = page(engine, log, from, latest).await?;
    if page.events.is_empty() {
        engine.refresh(log).await?;
    }
    Ok(page)
}

/// Reads the events after an offset that the log does not have any more. With `latest`, asks the engine as well whether those
/// that are missing are superseded.
pub(super) async fn page(engine: &HubEngine, log: &Arc<SharedLog>, from: u64, latest: bool) -> Result<Page, HubError> {
    // In a block of its own, so that the lock is released before the await.
    let (epoch, until) = {
        let state = log.lock();
        (state.log.epoch(), state.log.tail().offset)
    };
    if until <= from {
        return Ok(Page { until: from, ..Page::default() });
    }
    let mut events = engine.before(log, from, until, PAGE_BYTES).await?;
    // A reader asks again until it gets on, so events that are no use to it would be asked for again and again.
    let mut last = from;
    events.retain(|event| {
        let is_next = event.position.epoch == epoch && event.mark().offset > last;
        if is_next {
            last = event.mark().offset;
        }
        is_next
    });
    let missing = events.first().map_or(until, |first| first.previous.offset);
    let tag = if latest && missing > from { engine.superseded(log, from, missing).await? } else { None };
    Ok(Page { events, until, spared: tag.map(|tag| Mark { offset: from, tag }) })
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").field("events", &self.page.len()).finish_non_exhaustive()
    }
}
