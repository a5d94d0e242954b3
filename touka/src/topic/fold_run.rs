//! [`FoldRun`], successive events that are being folded for one subscriber.

use std::collections::VecDeque;
use std::mem;

use bytes::Bytes;

use super::encoded::Draft;
use super::error::HubError;
use crate::event::{Event, EventId};
use crate::stream::guarded;

/// Folds two events: [`IntoEvent::fold`](crate::IntoEvent::fold).
pub(super) type Fold = fn(&Event, &Event) -> Option<Event>;

/// The maximum size of a folded event in bytes, and of the events that become one.
pub(super) const MAX_FOLDED: usize = 64 * 1024;

/// Successive events, folded as far as possible.
///
/// Each event is folded with one that stands for as many: a text of `n` parts is copied `log n` times, and not `n` times.
/// Folding is associative, so the result is the same.
pub(super) struct FoldRun {
    fold: Fold,
    /// Invariant: each part stands for more events than the one after it.
    parts: Vec<Part>,
    /// The size of the events in the parts, as they were published.
    bytes: usize,
    /// Whether the user's code has panicked. Then nothing is folded any more.
    has_panicked: bool,
}

/// One event that stands for one or more.
struct Part {
    event: Event,
    /// The id of the newest of its events. `None` only for an event that no topic has encoded.
    id: Option<EventId>,
    /// The event as it was published, while it stands for one alone.
    published: Option<Bytes>,
    events: u64,
    bytes: usize,
}

impl FoldRun {
    pub(super) const fn new(fold: Fold) -> Self {
        Self { fold, parts: Vec::new(), bytes: 0, has_panicked: false }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether the user's code has panicked.
    pub(super) const fn has_panicked(&self) -> bool {
        self.has_panicked
    }

    /// Adds the next event. Events that are complete, because later ones do not fold with them, move to `done`.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub(super) fn push(&mut self, wire: Bytes, done: &mut VecDeque<Bytes>) -> Result<(), HubError> {
        if self.bytes + wire.len() > MAX_FOLDED {
            self.finish(done)?;
        }
        self.bytes += wire.len();
        let mut last = Part::published(wire);
        while let Some(earlier) = self.parts.pop_if(|earlier| earlier.events <= last.events) {
            match self.join(earlier, last) {
                Ok(joined) => last = joined,
                Err(apart) => {
                    let (earlier, later) = *apart;
                    self.parts.push(earlier);
                    self.finish(done)?;
                    self.bytes = later.bytes;
                    last = later;
                }
            }
        }
        self.parts.push(last);
        Ok(())
    }

    /// Ends the run: its events move to `done`, as few as they fold to.
    ///
    /// # Errors
    /// A folded event cannot be encoded. The run is empty then.
    pub(super) fn finish(&mut self, done: &mut VecDeque<Bytes>) -> Result<(), HubError> {
        // Taken out with its capacity: an idle stream keeps no buffer.
        let mut parts = mem::take(&mut self.parts);
        self.bytes = 0;
        let Some(mut last) = parts.pop() else { return Ok(()) };
        // In reverse order.
        let mut folded = Vec::new();
        while let Some(earlier) = parts.pop() {
            match self.join(earlier, last) {
                Ok(joined) => last = joined,
                Err(apart) => {
                    folded.push(apart.1);
                    last = apart.0;
                }
            }
        }
        folded.push(last);
        for part in folded.into_iter().rev() {
            done.push_back(part.into_wire()?);
        }
        Ok(())
    }

    /// Folds two parts, or returns both.
    fn join(&mut self, earlier: Part, later: Part) -> Result<Part, Box<(Part, Part)>> {
        let mut folded = None;
        if !self.has_panicked && later.id.is_some() {
            match guarded("the fold of two events", || (self.fold)(&earlier.event, &later.event)) {
                Some(event) => folded = event.filter(|event| size(event) <= MAX_FOLDED),
                None => self.has_panicked = true,
            }
        }
        let Some(event) = folded else { return Err(Box::new((earlier, later))) };
        let (events, bytes) = (earlier.events + later.events, earlier.bytes + later.bytes);
        Ok(Part { event, id: later.id, published: None, events, bytes })
    }
}

impl Part {
    fn published(wire: Bytes) -> Self {
        let event = Event::from_wire(&wire);
        Self { id: event.as_id().cloned(), event, bytes: wire.len(), published: Some(wire), events: 1 }
    }

    fn into_wire(self) -> Result<Bytes, HubError> {
        match (self.published, self.id) {
            (Some(wire), _) => Ok(wire),
            (None, Some(id)) => Ok(Draft::of(self.event)?.with_id(&id)),
            (None, None) => Ok(Draft::of(self.event)?.to_bytes()),
        }
    }
}

/// The size of an event's text.
fn size(event: &Event) -> usize {
    event.as_data().map_or(0, str::len) + event.as_comment().map_or(0, str::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Joins digits; the empty text panics, and an `x` folds with nothing.
    fn digits(earlier: &Event, later: &Event) -> Option<Event> {
        let [earlier, later] = [earlier, later].map(|event| event.as_data().unwrap_or_default());
        assert!(!later.is_empty() && !earlier.is_empty(), "this fold panics on purpose");
        (!earlier.contains('x') && !later.contains('x')).then(|| Event::data(format!("{earlier}{later}")))
    }

    /// The results, as ids and data, and whether the fold has panicked.
    fn folded(texts: &[&str]) -> (Vec<String>, bool) {
        let (mut run, mut done) = (FoldRun::new(digits), VecDeque::new());
        for (id, text) in (1_u64..).zip(texts) {
            run.push(Event::data(*text).id(id).to_string().into(), &mut done).unwrap();
        }
        run.finish(&mut done).unwrap();
        assert!(run.is_empty() && run.bytes == 0);
        let event = |wire: Bytes| {
            let event = Event::from_wire(&wire);
            format!("{}={}", event.as_id().unwrap(), event.as_data().unwrap())
        };
        (done.into_iter().map(event).collect(), run.has_panicked())
    }

    #[test]
    fn a_run_becomes_one_event_with_the_newest_id() {
        for count in 1..40 {
            let texts: Vec<_> = (0..count).map(|number| (number % 10).to_string()).collect();
            let texts: Vec<_> = texts.iter().map(String::as_str).collect();
            assert_eq!(folded(&texts), (vec![format!("{count}={}", texts.concat())], false));
        }
    }

    #[test]
    fn an_event_that_does_not_fold_stays_in_its_place() {
        assert_eq!(folded(&["1", "2", "x", "3", "4", "5"]).0, ["2=12", "3=x", "6=345"]);
        assert_eq!(folded(&["x", "x", "1", "x"]).0, ["1=x", "2=x", "3=1", "4=x"]);
        assert_eq!(folded(&["1", "2", "3", "4", "5", "x"]).0, ["5=12345", "6=x"]);
    }

    #[test]
    fn after_a_panic_every_event_is_still_there_once() {
        assert_eq!(folded(&["1", "2", "3", "", "4"]), (["2=12", "3=3", "4=", "5=4"].map(String::from).into(), true));
    }

    #[test]
    fn a_folded_event_is_bounded() {
        let text = "1".repeat(MAX_FOLDED / 4);
        let texts = [&text[..]; 10];
        let (events, _) = folded(&texts);
        let sizes: Vec<_> = events.iter().map(|event| event.split_once('=').unwrap().1.len() / text.len()).collect();
        assert_eq!(sizes, [3, 3, 3, 1]);
        // An event that is larger is sent as it is.
        let large = "2".repeat(2 * MAX_FOLDED);
        let (events, _) = folded(&["1", &large, "3", "4"]);
        assert_eq!(events, ["1=1".to_owned(), format!("2={large}"), "4=34".into()]);
    }

    #[test]
    fn a_fold_that_grows_is_not_used_beyond_the_bound() {
        let (mut run, mut done) = (FoldRun::new(|_, _| Some(Event::data("x".repeat(MAX_FOLDED + 1)))), VecDeque::new());
        for id in 1..5_u64 {
            run.push(Event::data("1").id(id).to_string().into(), &mut done).unwrap();
        }
        run.finish(&mut done).unwrap();
        assert_eq!(done.len(), 4);
    }
}
