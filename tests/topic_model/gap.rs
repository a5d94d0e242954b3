//! [`gap`], the data of a gap event.

use touka::Event;

/// The data of an event that must be this gap.
pub(crate) fn gap(event: &Event, reason: &str, id: &str) -> serde_json::Value {
    assert_eq!(event.as_event().map(ToString::to_string).as_deref(), Some("gap"), "{reason} was expected: {event:?}");
    let data: serde_json::Value = serde_json::from_str(event.as_data().unwrap_or_default()).expect("JSON");
    assert_eq!((data["reason"].as_str(), data["resumed_at"].as_str()), (Some(reason), Some(id)));
    data
}
