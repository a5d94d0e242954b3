//! A language model, as far as a server sees one: few completions at a time, and words one by one.

use std::str::SplitInclusive;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

/// The model's name.
pub(crate) const NAME: &str = "parrot-1";

/// The number of completions that it can make at a time.
pub(crate) const CAPACITY: usize = 4;

/// The time for one word.
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
pub(crate) struct Model {
    permits: Arc<Semaphore>,
}

impl Model {
    pub(crate) fn load() -> Self {
        Self { permits: Arc::new(Semaphore::new(CAPACITY)) }
    }

    /// Begins a completion of at most this many tokens; `None` if all permits are held.
    pub(crate) fn answer(&self, max_tokens: Option<usize>) -> Option<Answer> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().ok()?;
        let words = TEXT.split_inclusive(' ');
        Some(Answer { words, left: max_tokens.unwrap_or(usize::MAX), finish: "stop", _place: permit })
    }

    /// The number of completions that it makes now.
    pub(crate) fn busy(&self) -> usize {
        CAPACITY - self.permits.available_permits()
    }
}

/// A completion in progress. Holds a permit until it is dropped, which is all the cleanup that is needed,
/// even when the client disconnects in the middle.
#[derive(Debug)]
pub(crate) struct Answer {
    words: SplitInclusive<'static, char>,
    left: usize,
    finish: &'static str,
    _place: OwnedSemaphorePermit,
}

impl Answer {
    /// The next token, including its space.
    pub(crate) async fn next(&mut self) -> Option<&'static str> {
        if self.left == 0 {
            self.finish = "length";
            return None;
        }
        self.left -= 1;
        sleep(TIME_PER_TOKEN).await;
        self.words.next()
    }

    /// The reason of its end.
    pub(crate) const fn finish_reason(&self) -> &'static str {
        self.finish
    }
}
