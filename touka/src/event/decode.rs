//! Decodes an event from the crate's own wire form.

use super::event::Event;
use super::id::EventId;
use super::name::EventName;

impl Event {
    /// Decodes an event that [`Event::encode`](Self::encode) or an [`Encoder`](super::encoder::Encoder) has
    /// written. Other lines are ignored, and comments too, because readers of events do not see them.
    pub(crate) fn from_wire(wire: &[u8]) -> Self {
        let mut event = Self::new();
        let mut data: Option<String> = None;
        for line in String::from_utf8_lossy(wire).split('\n') {
            let Some((field, value)) = line.split_once(": ") else { continue };
            match field {
                "id" => {
                    if let Ok(id) = EventId::new(value) {
                        event = event.id(id);
                    }
                }
                "event" => {
                    if let Ok(name) = EventName::new(value) {
                        event = event.event(name);
                    }
                }
                "retry" => {
                    if let Ok(milliseconds) = value.parse() {
                        event = event.retry(std::time::Duration::from_millis(milliseconds));
                    }
                }
                "data" => match &mut data {
                    None => data = Some(value.to_owned()),
                    Some(lines) => {
                        lines.push('\n');
                        lines.push_str(value);
                    }
                },
                _ => {}
            }
        }
        match data {
            None => event,
            Some(data) => event.with_data(data),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_was_encoded_comes_back() {
        for event in [
            Event::data("two\nlines\n").event("note").id(7).retry(Duration::from_millis(1500)),
            Event::data(""),
            Event::data("data: : "),
            Event::new().id("1.a.b"),
            Event::new(),
        ] {
            assert_eq!(Event::from_wire(event.to_string().as_bytes()), event);
        }
    }
}
