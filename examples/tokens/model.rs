//! A language model, as far as a server sees one: few completions at a time, and words one by one.

use std::str::SplitInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

/// The model's name.
pub(crate) const NAME: &str = "parrot-1";

/// The number of completions that it can make at a time.
pub(crate) const CAPACITY: usize = 4;

/// The time for one word, unless another is chosen.
pub(crate) const TIME_PER_TOKEN: Duration = Duration::from_millis(45);

/// The text of all completions. A real model would come here.
pub(crate) const TEXT: &str = "Server-Sent Events are the plainest way to stream: one HTTP response that stays open, \
    and lines of text that arrive as they are written. No second protocol, no handshake, no frames to mask. A proxy \
    sees a slow download, a browser sees events, and curl sees exactly what you see now.\n\nThat is why language \
    models speak this way. Each token is a line that begins with “data:”, and a last line says that the answer is \
    complete. Press stop, and the connection closes; the server drops the work at the very await where it stands, \
    and the permit is free for someone else.";

/// The model. Clones share its permits.
#[derive(Clone, Debug)]
pub(crate) struct Model(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    time_per_token: Duration,
    permits: Arc<Semaphore>,
    finished: AtomicU64,
    stopped: AtomicU64,
}

/// The numbers of completions.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    /// Completions that the model makes now.
    pub(crate) busy: usize,
    /// Completions that it made to their end.
    pub(crate) finished: u64,
    /// Completions that were dropped before their end, because their client left.
    pub(crate) stopped: u64,
}

impl Model {
    pub(crate) fn load(time_per_token: Duration) -> Self {
        let permits = Arc::new(Semaphore::new(CAPACITY));
        let (finished, stopped) = (AtomicU64::new(0), AtomicU64::new(0));
        Self(Arc::new(Inner { time_per_token, permits, finished, stopped }))
    }

    /// Begins a completion of at most this many tokens; `None` if all permits are held.
    pub(crate) fn answer(&self, max_tokens: Option<usize>) -> Option<Answer> {
        let permit = Arc::clone(&self.0.permits).try_acquire_owned().ok()?;
        let words = TEXT.split_inclusive(' ');
        let (model, max) = (self.clone(), max_tokens.unwrap_or(usize::MAX));
        Some(Answer { words, made: 0, max, finish_reason: None, model, _permit: permit })
    }

    /// The numbers of completions until now.
    pub(crate) fn counts(&self) -> Counts {
        let Inner { permits, finished, stopped, .. } = &*self.0;
        // In this order: a completion is counted before it releases its permit.
        let busy = CAPACITY - permits.available_permits();
        Counts { busy, finished: finished.load(Ordering::Relaxed), stopped: stopped.load(Ordering::Relaxed) }
    }
}

/// A completion in progress. Holds a permit until it is dropped, which is all the cleanup that is needed,
/// even when the client disconnects in the middle.
#[derive(Debug)]
pub(crate) struct Answer {
    words: SplitInclusive<'static, char>,
    made: usize,
    max: usize,
    finish_reason: Option<&'static str>,
    model: Model,
    _permit: OwnedSemaphorePermit,
}

impl Answer {
    /// The next token, including its space.
    pub(crate) async fn next(&mut self) -> Option<&'static str> {
        if self.made == self.max {
            self.finish_reason = Some("length");
            return None;
        }
        sleep(self.model.0.time_per_token).await;
        let word = self.words.next();
        match word {
            Some(_) => self.made += 1,
            None => self.finish_reason = Some("stop"),
        }
        word
    }

    /// The number of tokens until now.
    pub(crate) const fn made(&self) -> usize {
        self.made
    }

    /// The reason of its end; `None` while it goes on.
    pub(crate) const fn finish_reason(&self) -> Option<&'static str> {
        self.finish_reason
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let Inner { finished, stopped, .. } = &*self.model.0;
        let count = if self.finish_reason.is_some() { finished } else { stopped };
        count.fetch_add(1, Ordering::Relaxed);
    }
}
