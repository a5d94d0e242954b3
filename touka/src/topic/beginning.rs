//! [`begin`], which determines a subscriber's position in a topic and subscribes it there.

use std::sync::Arc;

use tokio::time::Instant;

use super::claim::{Claim, Missing};
use super::engine::HubEngine;
use super::error::HubError;
use super::gap::GapReason;
use super::history::{History, Page, page};
use super::position::Position;
use super::resume::Resumed;
use super::shared_log::SharedLog;
use super::subscribe_options::SubscribeOptions;
use super::subscription::Subscription;

/// A subscription that has begun.
pub(super) struct Begun {
    pub(super) subscription: Subscription,
    pub(super) seen: Position,
    pub(super) gap: Option<GapReason>,
    /// The number of the feed that the caller must start.
    pub(super) feed: Option<u64>,
    /// Whether the topic is closed, and the client has seen its last event.
    pub(super) is_over: bool,
}

/// The maximum number of requests to the engine for one subscription, so that a topic that is reset again and again does
/// not keep the client waiting.
const MAX_REQUESTS: u32 = 8;

/// Determines where a client continues, and subscribes it there. With `has_feed`, the topic is marked as fed unless it is
/// fed already.
pub(super) async fn begin(
    engine: &Arc<HubEngine>,
    log: &Arc<SharedLog>,
    claim: Claim,
    options: &SubscribeOptions,
    has_feed: bool,
) -> Result<Begun, HubError> {
    let (mut history, mut is_fresh, mut requests) = (None::<Page>, false, 0);
    let none = Page::default();
    // The number of times that the events of the log had been replaced when the history was requested.
    let mut resets = 0;
    loop {
        let has_loaded = engine.activate(log).await?;
        // Another node may have told the client already that events are lost, and this one may not know yet. While the
        // engine is away, the client gets what this process has.
        if requests == 0
            && !has_loaded
            && claim.is_before(log.lock().log.head())
            && let Err(error) = engine.ensure_in_step(log).await
        {
            tracing::debug!(target: "touka::topic", topic = log.name(), ?error, "a client may get events that are lost");
        }
        let missing = {
            let mut state = log.lock();
            if !log.is_active() {
                // The hub has deactivated the topic meanwhile.
                continue;
            }
            state.touch();
            // Events that are too old may still be in the log: the client must not get them.
            state.log.trim(Instant::now());
            if resets != state.log.version().resets {
                (history, resets) = (None, state.log.version().resets);
            }
            // More events may have left the log since, which an empty page does not have.
            let tail = state.log.tail().offset;
            history.take_if(|page| page.events.is_empty() && page.until < tail);
            let is_last = requests == MAX_REQUESTS;
            let known = history.as_ref().or(is_last.then_some(&none));
            match claim.locate(&state.log, options, known, is_fresh || is_last) {
                Ok(Resumed { seen, gap }) => {
                    let cursor = options.cursor(seen, &state.log, claim.has_id());
                    state.subscribers += 1;
                    let feed = if has_feed { state.start_feed() } else { None };
                    let is_over =
                        state.log.is_complete() && claim.has_id() && gap.is_none() && seen == state.log.head();
                    let is_before = seen.offset < state.log.tail().offset;
                    let seen = state.log.position(seen);
                    drop(state);
                    let history = history.filter(|_| is_before).map(|page| Box::new(History::new(page, resets)));
                    let subscription = Subscription::new(Arc::clone(log), cursor, Arc::clone(engine), history);
                    return Ok(Begun { subscription, seen, gap, feed, is_over });
                }
                Err(missing) => missing,
            }
        };
        requests += 1;
        match missing {
            Missing::News => {
                engine.refresh(log).await?;
                (history, is_fresh) = (None, true);
            }
            Missing::History(from) => history = Some(page(engine, log, from, options.is_latest()).await?),
        }
    }
}
