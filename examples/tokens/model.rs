//! A language model, as far as a server sees one: it has few places, and words come one by one.

use std::str::SplitInclusive;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

/// What it calls itself.
pub(crate) const NAME: &str = "parrot-1";

/// How many answers it can make at a time.
pub(crate) const PLACES: usize = 4;

/// How long it thinks about a word.
pub(crate) const THINKS: Duration = Duration::from_millis(45);

/// All it knows. A real model would come here.
pub(crate) const TEXT: &str = "Server-Sent Events are the plainest way to stream: one HTTP response that stays open, \
    and lines of text that arrive as they are written. No second protocol, no handshake, no frames to mask. A proxy \
    sees a slow download, a browser sees events, and curl sees exactly what you see now.\n\nThat is why language \
    models speak this way. Each token is a line that begins with “data:”, and a last line says that the answer is \
    complete. Press stop, and the connection closes; the server drops the work at the very await where it stands, \
    and the place is free for someone else.";

/// The model. Clones share its places.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    places: Arc<Semaphore>,
}

impl Model {
    pub(crate) fn load() -> Self {
        Self { places: Arc::new(Semaphore::new(PLACES)) }
    }

    /// Begins an answer of at most this many tokens; `None` when all places are taken.
    pub(crate) fn answer(&self, max_tokens: Option<usize>) -> Option<Answer> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let words = TEXT.split_inclusive(' ');
        Some(Answer { words, left: max_tokens.unwrap_or(usize::MAX), finish: "stop", _place: place })
    }

    /// How many answers it makes now.
    pub(crate) fn busy(&self) -> usize {
        PLACES - self.places.available_permits()
    }
}

/// An answer in the making. It holds its place until it is dropped: that is all the cleaning up
/// there is, also when the client leaves in the middle.
#[derive(Debug)]
pub(crate) struct Answer {
    words: SplitInclusive<'static, char>,
    left: usize,
    finish: &'static str,
    _place: OwnedSemaphorePermit,
}

impl Answer {
    /// The next token; its space is part of it.
    pub(crate) async fn next(&mut self) -> Option<&'static str> {
        if self.left == 0 {
            self.finish = "length";
            return None;
        }
        self.left -= 1;
        sleep(THINKS).await;
        self.words.next()
    }

    /// Why it came to its end.
    pub(crate) const fn finish_reason(&self) -> &'static str {
        self.finish
    }
}
