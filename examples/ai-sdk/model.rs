//! A language model, as far as a server sees one: words one by one, and now and then an error.
//!
//! The same prompt has the same answer, so tests can compare answers.

use std::fmt;
use std::time::Duration;
use std::vec::IntoIter;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use tokio::time::sleep;

/// The time for one word, unless another is chosen.
pub(crate) const TIME_PER_TOKEN: Duration = Duration::from_millis(45);

/// A prompt with this word makes the model fail, to show an error.
const BREAK: &str = "break";

/// The number of words before that failure.
const BROKEN_AFTER: usize = 5;

/// The sentences of all answers. The number is a power of two, so that odd steps reach all of them.
const SENTENCES: [&str; 8] = [
    "A stream is an answer that begins before it is known.",
    "The first word arrives while the last one is still being thought about.",
    "Nothing is lost when a connection is: what was said has been kept.",
    "Two tabs that watch the same answer read the same words.",
    "A slow reader makes no other reader wait.",
    "Each word is a line of text, and a blank line says that it is complete.",
    "An answer that no one stops ends by itself.",
    "The last line is an end that a client can tell from a broken connection.",
];

/// The model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Model {
    time_per_token: Duration,
}

impl Model {
    pub(crate) const fn new(time_per_token: Duration) -> Self {
        Self { time_per_token }
    }

    /// Begins an answer.
    pub(crate) fn answer(self, prompt: &str) -> Answer {
        let text = format!("“{prompt}”: {}", sentences(prompt).join(" "));
        let words: Vec<String> = text.split_inclusive(' ').map(str::to_owned).collect();
        let breaks_after = prompt.split_whitespace().any(|word| word == BREAK).then_some(BROKEN_AFTER);
        Answer { words: words.into_iter(), breaks_after, time_per_token: self.time_per_token }
    }
}

/// All sentences, in an order that depends on the prompt.
fn sentences(prompt: &str) -> [&'static str; SENTENCES.len()] {
    // FNV-1a.
    let hash = prompt
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let [first, step, ..] = hash.to_le_bytes().map(usize::from);
    std::array::from_fn(|index| SENTENCES[(first + index * (step | 1)) % SENTENCES.len()])
}

/// An answer in progress.
#[derive(Debug)]
pub(crate) struct Answer {
    words: IntoIter<String>,
    breaks_after: Option<usize>,
    time_per_token: Duration,
}

impl Answer {
    /// The next token, including its space; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<String>, BrokenOff> {
        sleep(self.time_per_token).await;
        match &mut self.breaks_after {
            Some(0) => return Err(BrokenOff),
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(self.words.next())
    }
}

/// The error of a model that fails before the end of its answer.
#[derive(Debug)]
pub(crate) struct BrokenOff;

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the model broke off: ask again")
    }
}

/// The response of a model that fails before its first event.
impl IntoResponse for BrokenOff {
    fn into_response(self) -> Response {
        (StatusCode::BAD_GATEWAY, self.to_string()).into_response()
    }
}
